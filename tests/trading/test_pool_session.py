"""One account on several instruments, by hand: who gets the money, what it costs, and when all must be left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from trading.bar import Bar
from trading.errors import StrategyError
from trading.fees import PER_SHARE, TIERED, Fees
from trading.frictions import Carry, Frictions, Margin
from trading.ledger import BORROW, DIVIDENDS, INTEREST, MARGIN_CALLS
from trading.paper_pool import PaperPortfolio
from trading.placing import attach_stop, attach_target, cancel_all, join, place_limit, place_market, place_stop
from trading.risk import Limits
from trading.strategies import buy_and_hold
from trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trading.order import Book

    Books = Sequence[Book]
    Act = Callable[[Books], object]

DAY_US = 86_400_000_000
YEAR = 365.0
ALL = Frictions(margin=Margin(1.0, 0.0, 1.0))
NONE = Limits()


class Desk:
    """A portfolio whose strategy does what a test tells it; `bar` feeds one price (or four) a symbol, None for none."""

    def __init__(self, symbols: int, frictions: Frictions = ALL, cash: float = 10_000.0, limits: Limits = NONE) -> None:
        self._act: Act | None = None
        self._days = 0
        strategy = Strategy(name="scripted", source="", memory=lambda _params, _symbols: 1, trade_all=self._trade)
        self.account = PaperPortfolio(strategy, {}, [frictions] * symbols, cash, limits=limits)

    def _trade(self, *seen: object) -> None:
        books: Books = seen[-1]  # type: ignore[assignment]  # state, params, bars, portfolio, books
        if self._act is not None:
            self._act(books)

    def bar(
        self,
        *prices: float | tuple[float, float, float, float] | None,
        act: Act | None = None,
        dividends: Sequence[float] | None = None,
    ) -> list[tuple[int, str, float, float]]:
        """Feed a bar; answers what happened, but for what was new, as (symbol, kind, quantity, price)."""
        self._act = act
        nan = float("nan")
        rows = [one if isinstance(one, tuple) else (one or nan,) * 4 for one in prices]
        bars = [Bar(self._days * DAY_US, *row, 1e6) for row in rows]
        self._days += 1
        self.events = self.account.on_bars(bars, dividends=dividends)
        return [(s, one.kind, one.quantity, one.price) for s, one in self.events if one.kind != "new"]

    def reasons(self) -> list[tuple[int, str]]:
        """Why orders ended on the last bar, by symbol."""
        return [(s, one.reason) for s, one in self.events if one.reason]


def holdings(quantities: Sequence[float], frictions: Frictions = ALL, cash: float = 10_000.0) -> Desk:
    """A desk that holds so much of each symbol, bought or sold at 100."""
    desk = Desk(len(quantities), frictions, cash)

    def act(books: Books) -> None:
        for s, quantity in enumerate(quantities):
            if quantity:
                place_market(books[s], 1.0 if quantity > 0 else -1.0, abs(quantity))

    desk.bar(*[100.0] * len(quantities), act=act)
    desk.bar(*[100.0] * len(quantities))
    assert desk.account.positions == list(quantities)
    return desk


def test_sales_at_an_open_pay_for_the_purchases_beside_them() -> None:
    desk = holdings([0.0, 100.0])
    desk.bar(100.0, 100.0, act=lambda books: (place_market(books[0], 1.0, 100.0), place_market(books[1], -1.0, 100.0)))
    assert desk.bar(100.0, 100.0) == [(1, "trade", -100.0, 100.0), (0, "trade", 100.0, 100.0)]
    assert desk.account.positions == [100.0, 0.0]


def test_a_purchase_is_cut_to_what_the_equity_of_the_whole_account_covers() -> None:
    desk = holdings([60.0, 0.0, -10.0])
    desk.bar(100.0, 100.0, 100.0, act=lambda books: place_market(books[1], 1.0, 50.0))
    assert desk.bar(100.0, 100.0, 100.0)[0] == (1, "trade", 30.0, 100.0)
    assert desk.reasons() == [(1, "not enough money for the margin")]


def test_a_symbol_without_a_bar_waits_for_its_next() -> None:
    desk = Desk(2)
    desk.bar(100.0, 50.0, act=lambda books: place_market(books[1], 1.0, 10.0))
    assert desk.bar(100.0, None) == []
    assert desk.account.equity == 10_000.0
    assert desk.bar(100.0, 55.0) == [(1, "trade", 10.0, 55.0)]
    desk.bar(100.0, None)
    assert desk.account.equity == 10_000.0


def test_a_margin_call_leaves_every_position_at_the_next_open() -> None:
    desk = holdings([100.0, 80.0, -20.0], Frictions(margin=Margin(0.5, 0.3, 1.0)))
    assert desk.bar(90.0, 90.0, 100.0) == []
    assert desk.bar(70.0, 70.0, 110.0) == []  # equity 4,400 on positions worth 14,800: below 30 %
    assert desk.account.pool.account[MARGIN_CALLS] == 1.0
    assert desk.bar(71.0, 69.0, 110.0) == [
        (0, "trade", -100.0, 71.0),
        (1, "trade", -80.0, 69.0),
        (2, "trade", 20.0, 110.0),
    ]
    assert desk.account.positions == [0.0, 0.0, 0.0]
    desk.bar(70.0, 70.0, 110.0, act=lambda books: place_market(books[0], 1.0, 10.0))
    assert desk.bar(70.0, 70.0, 110.0) == [(0, "trade", 10.0, 70.0)]
    assert desk.account.pool.account[MARGIN_CALLS] == 1.0


def test_ruin_ends_everything() -> None:
    desk = holdings([-60.0, -40.0])
    assert desk.bar(300.0, 100.0) == [(0, "trade", 60.0, 300.0), (1, "trade", 40.0, 100.0)]
    assert desk.account.equity == pytest.approx(-2_000.0)
    assert desk.bar(100.0, 100.0, act=lambda books: place_market(books[0], 1.0, 1.0)) == []
    assert desk.bar(100.0, 100.0) == []


def test_cash_earns_interest_once_and_each_short_pays_its_own_loan() -> None:
    desk = holdings([30.0, -20.0], Frictions(carry=Carry(borrow=0.0365, interest=0.0730), margin=Margin(1.0)))
    interest = (10_000.0 - 3_000.0 + 2_000.0 - 2_000.0) * 0.0730 / YEAR
    before, earned = desk.account.cash, desk.account.pool.account[INTEREST]
    desk.bar(100.0, 100.0)
    assert desk.account.pool.account[INTEREST] - earned == pytest.approx(interest, rel=1e-3)
    assert desk.account.pool.ledgers[0][BORROW] == 0.0
    assert desk.account.pool.ledgers[1][BORROW] == pytest.approx(2_000.0 * 0.0365 / YEAR)
    assert desk.account.cash - before == pytest.approx(interest - 2_000.0 * 0.0365 / YEAR, rel=1e-3)


def test_dividends_go_to_holders_and_are_owed_by_shorts() -> None:
    desk = holdings([30.0, -20.0])
    before = desk.account.cash
    desk.bar(100.0, 100.0, dividends=[0.5, 0.25])
    assert desk.account.cash - before == 30.0 * 0.5 - 20.0 * 0.25
    assert [ledger[DIVIDENDS] for ledger in desk.account.pool.ledgers] == [15.0, -5.0]


def test_tiers_count_what_the_whole_account_traded() -> None:
    fees = Fees(TIERED, threshold=(0.0, 5e3, 0.0, 0.0), maker=(2.0, 1.0, 1.0, 1.0), taker=(4.0, 2.0, 2.0, 2.0))
    desk = holdings([60.0, 0.0], ALL._replace(fees=fees))
    before = desk.account.cash
    desk.bar(100.0, 100.0, act=lambda books: place_market(books[1], 1.0, 10.0))
    desk.bar(100.0, 100.0)
    assert before - desk.account.cash == pytest.approx(1_000.0 * (1.0 + 2e-4))


def test_a_fee_by_the_share_has_its_minimum_for_every_order() -> None:
    desk = holdings([10.0, 500.0], ALL._replace(fees=Fees(PER_SHARE, 0.01, minimum=1.0)), cash=1e6)
    assert desk.account.cash == 1e6 - 51_000.0 - 1.0 - 5.0


def test_brackets_of_two_symbols_leave_each_other_alone() -> None:
    desk = Desk(2)

    def bracket(books: Books) -> None:
        for book in books:
            entry = place_limit(book, 1.0, 10.0, 99.0)
            attach_target(book, entry, 110.0)
            attach_stop(book, entry, 90.0)

    desk.bar(100.0, 100.0, act=bracket)
    desk.bar((100.0, 101.0, 98.0, 100.0), (100.0, 101.0, 99.5, 100.0))
    assert desk.account.positions == [10.0, 0.0]
    assert desk.bar((100.0, 111.0, 99.5, 110.0), (100.0, 101.0, 89.0, 95.0)) == [
        (0, "trade", -10.0, 110.0),
        (0, "canceled", -0.0, 90.0),
        (1, "trade", 10.0, 99.0),
        (1, "triggered", -10.0, 90.0),
        (1, "trade", -10.0, 90.0),
        (1, "canceled", -0.0, 110.0),
    ]


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (Limits(weight=0.4), "over the limit of one symbol"),
        (Limits(gross=0.7), "over the limit of all positions"),
        (Limits(net=0.7), "over the limit of long less short positions"),
        (Limits(positions=1.0), "over the limit of the number of positions"),
    ],
)
def test_an_order_that_would_break_a_limit_with_all_that_works_is_rejected(limits: Limits, reason: str) -> None:
    desk = Desk(2, limits=limits)
    desk.bar(100.0, 100.0, act=lambda books: place_limit(books[0], 1.0, 30.0, 99.0))
    assert desk.reasons() == []
    desk.bar(100.0, 100.0, act=lambda books: place_stop(books[1], 1.0, 50.0, 101.0))
    assert desk.reasons() == [(1, reason)]


def test_either_side_of_a_pair_of_orders_counts_and_exits_do_not() -> None:
    desk = Desk(2, limits=Limits(weight=0.4, net=0.55, positions=2.0))

    def pair(books: Books) -> None:
        join(books[0], place_stop(books[0], 1.0, 30.0, 110.0), place_stop(books[0], -1.0, 35.0, 90.0))
        attach_stop(books[1], place_market(books[1], 1.0, 20.0), 90.0)

    desk.bar(100.0, 100.0, act=pair)
    assert desk.reasons() == []
    desk.bar(100.0, 100.0, act=lambda books: place_stop(books[0], -1.0, 20.0, 90.0))
    assert desk.reasons() == [(0, "over the limit of one symbol")]


def test_an_order_that_replaces_another_is_not_counted_twice() -> None:
    desk = Desk(1, limits=Limits(weight=0.4))

    def again(books: Books) -> None:
        cancel_all(books[0])
        place_limit(books[0], 1.0, 35.0, 99.0)

    for _ in range(3):
        desk.bar(100.0, act=again)
        assert (0, "over the limit of one symbol") not in desk.reasons()


def test_a_strategy_for_one_symbol_is_refused() -> None:
    with pytest.raises(StrategyError, match="trades one symbol"):
        PaperPortfolio(buy_and_hold.STRATEGY, {}, [ALL], 1.0)
