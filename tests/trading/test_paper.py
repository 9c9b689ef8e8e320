"""A paper account off the beaten track: warmed up, stopped, written down and gone on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.trading.desk import DAY_US, Scripted
from trading.bar import Bar
from trading.fees import Fees
from trading.frictions import Frictions
from trading.indicators import NAN
from trading.order import MARKET, TYPE, OrderType
from trading.paper import PaperAccount
from trading.placing import attach_stop, place, place_limit, place_market, place_stop, place_target
from trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Account
    from trading.order import Book

FLAT = (10.0, 10.0, 10.0, 10.0)


def day(number: int, price: float = 10.0) -> Bar:
    return Bar(number * DAY_US, price, price, price, price, 1e6)


def after(bars: int) -> Strategy:
    """Long once it has seen so many bars."""

    def decide(state: MutableSequence[float], params: Sequence[float], bar: Bar, position: float) -> float:  # noqa: ARG001
        state[0] += 1.0
        return 1.0 if state[0] >= bars else NAN

    return Strategy(name="after", source="", memory=lambda _params, _symbols: 1, decide=decide)


def test_a_strategy_that_is_warmed_up_knows_the_past_and_has_traded_none_of_it() -> None:
    account = PaperAccount(after(5), {}, Frictions(), 1_000.0)
    for number in range(8):
        account.warm(day(number))
    assert (account.wanted, account.position, account.orders()) == (0.0, 0.0, [])
    assert [event.kind for event in account.on_bar(day(8))] == ["new"]
    assert account.wanted == 1.0
    assert [event.kind for event in account.on_bar(day(9))] == ["trade"]
    assert account.position == 99.0  # what 1,000 is sure to pay for


def test_orders_placed_while_warming_up_are_thrown_away_and_their_ids_not_given_again() -> None:
    ids: list[int] = []

    def trade(state: MutableSequence[float], params: Sequence[float], bar: Bar, account: Account, orders: Book) -> None:  # noqa: ARG001
        ids.append(place_limit(orders, 1.0, 1.0, 5.0))

    strategy = Strategy(name="places", source="", memory=lambda _params, _symbols: 1, trade=trade)
    account = PaperAccount(strategy, {}, Frictions(), 1_000.0)
    account.warm(day(0))
    account.warm(day(1))
    events = account.on_bar(day(2))
    assert ids == [1, 2, 3]
    assert [(event.order, event.kind) for event in events] == [(3, "new")]
    assert [order.id for order in account.orders()] == [3]


def test_every_trade_tells_its_fee_and_every_placed_order_is_shown() -> None:
    desk = Scripted(Frictions(fees=Fees(rate=10.0)))
    desk.bar(FLAT, lambda book: (place_market(book, 1.0, 10.0), place_limit(book, 1.0, 20.0, 10.0)))
    assert [(order.id, order.type) for order in desk.account.placed] == [(1, OrderType.MARKET), (2, OrderType.LIMIT)]
    desk.bar((10.0, 11.0, 9.0, 10.0))
    assert [event.kind for event in desk.events] == ["trade", "trade"]
    assert [event.fee for event in desk.events] == pytest.approx([0.1, 0.2])
    assert desk.account.placed == []


def test_an_order_of_no_known_type_is_rejected_but_not_shown() -> None:
    def wrong(book: Book) -> None:
        book[place(book, MARKET, 1.0, 1.0) + TYPE] = 99.0

    desk = Scripted()
    desk.bar(FLAT, wrong)
    assert desk.account.placed == []
    assert [event.kind for event in desk.events] == ["rejected"]


def test_stopping_takes_entries_away_and_leaves_exits_at_work() -> None:
    desk = Scripted()

    def enter(book: Book) -> None:
        attach_stop(book, place_market(book, 1.0, 10.0), 8.0)

    desk.bar(FLAT, enter)
    desk.bar(FLAT, lambda book: place_stop(book, 1.0, 5.0, 12.0))
    ended = desk.account.stop()
    assert [(event.order, event.kind) for event in ended] == [(3, "canceled")]
    assert desk.bar((10.0, 13.0, 7.0, 9.0), lambda book: place_market(book, 1.0, 1.0)) == [
        ("triggered", -10.0, 8.0),
        ("trade", -10.0, 8.0),
    ]
    assert (desk.account.position, desk.account.orders()) == (0.0, [])


def test_a_way_out_that_was_decided_is_gone_to_its_end() -> None:
    desk = Scripted()
    desk.bar(FLAT, lambda book: place_target(book, 1.0))
    desk.bar(FLAT, lambda book: place_target(book, 0.0))
    assert desk.account.position == 999.0
    assert desk.account.stop() == []
    desk.bar(FLAT)
    assert desk.account.position == 0.0


def test_a_strategy_that_raises_leaves_the_bar_traded_and_nothing_half_placed() -> None:
    desk = Scripted()
    desk.bar(FLAT, lambda book: place_market(book, 1.0, 10.0))

    def fail(book: Book) -> None:
        place_market(book, 1.0, 10.0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        desk.bar(FLAT, fail)
    account = desk.account
    assert [(event.kind, event.quantity) for event in account.happened()] == [("trade", 10.0)]
    assert (account.position, account.orders(), account.stopped) == (10.0, [], True)
    assert desk.bar(FLAT, fail) == []  # it is asked no more


def test_an_account_goes_on_from_its_state() -> None:
    one, other = (PaperAccount(after(2), {}, Frictions(fees=Fees(rate=5.0)), 1_000.0) for _ in range(2))
    for number in range(3):
        one.on_bar(day(number, 10.0 + number))
    other.resume(one.state())
    assert other.state() == one.state()
    assert other.position == one.position > 0.0
    assert other.on_bar(day(3, 20.0)) == one.on_bar(day(3, 20.0))
    assert other.state() == one.state()
