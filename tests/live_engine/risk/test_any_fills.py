"""No sequence of allowed orders breaks a limit, however they fill, are replaced or cancelled."""

from __future__ import annotations

from decimal import Decimal
from itertools import count, product
from typing import Literal, NamedTuple

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from live_engine.events import KillAction, OrderDenied, OrderSubmitted, Side
from live_engine.risk.check import check
from live_engine.risk.duplicates import RecentOrders, fold_recent
from live_engine.risk.kill_switch import KillSwitch, fold_switch
from live_engine.risk.loss import EquityMarks, fold_marks
from live_engine.risk.rate import OrderCounts, fold_counts
from live_engine.risk.view import LastPrice, WorkingOrder
from tests.live_engine.risk.facts import NOW, SECOND, event, limits, order, view

KILLS: tuple[KillAction | Literal[""], ...] = ("", "halt", "flatten")
SIDES: tuple[Side, ...] = ("buy", "sell")
PRICES = {"A": Decimal(100), "B": Decimal(70)}
MOST_UNITS, MOST_VALUE, MOST_GROSS = Decimal(20), Decimal(1_500), Decimal(1_700)
LIMIT = limits(
    max_position_quantity=MOST_UNITS, max_position_notional=MOST_VALUE, max_gross_exposure=MOST_GROSS / 10_000
)


class Place(NamedTuple):
    """An order is asked for; where `replaces` can be divided by three, in place of one that works."""

    symbol: str
    side: Side
    quantity: int
    reduce_only: bool = False
    replaces: int = 1


class Fill(NamedTuple):
    """One of the working orders fills, at most so much of it."""

    which: int
    quantity: int


class Cancel(NamedTuple):
    """One of the working orders is cancelled."""

    which: int


class Desk:
    """Positions and working orders: what a venue does to them that cuts at zero what only reduces."""

    def __init__(self) -> None:
        self.positions = dict.fromkeys(PRICES, Decimal(0))
        self.working: list[WorkingOrder] = []
        self.ids = count()

    def do(self, step: Place | Fill | Cancel) -> bool:
        """Whether the step was carried out: an order that is asked for may be denied."""
        if isinstance(step, Place):
            return self.place(step)
        if self.working and isinstance(step, Fill):
            self.fill(step.which, step.quantity)
        elif self.working:
            self.working.pop(step.which % len(self.working))
        return True

    def place(self, step: Place) -> bool:
        """Ask for an order, and let it work when the rules allow it."""
        old = self.working[step.replaces % len(self.working)] if step.replaces % 3 == 0 and self.working else None
        new = order(
            step.side,
            step.quantity,
            symbol=step.symbol,
            reduce_only=step.reduce_only,
            client_order_id=f"o{next(self.ids)}",
            replaces="" if old is None else old.client_order_id,
        )
        prices = {symbol: LastPrice(price, NOW) for symbol, price in PRICES.items()}
        facts = view(positions=self.positions, working=tuple(self.working), prices=prices)
        if check(new, facts, LIMIT, NOW) is not None:
            return False
        filled = Decimal(0)
        if old is not None and (old.symbol, old.side) == (step.symbol, step.side):
            self.working.remove(old)
            filled = old.filled
        if step.quantity > filled:
            self.working.append(
                WorkingOrder(
                    client_order_id=new.client_order_id,
                    symbol=step.symbol,
                    side=step.side,
                    order_type="market",
                    remaining=step.quantity - filled,
                    filled=filled,
                    reduce_only=step.reduce_only,
                )
            )
        return True

    def fill(self, which: int, share: int) -> None:
        """Fill at most a share of an order; what only reduces and has nothing left to reduce ends."""
        one = self.working.pop(which % len(self.working))
        quantity = min(one.remaining, Decimal(share))
        sign = 1 if one.side == "buy" else -1
        held = self.positions[one.symbol]
        if one.reduce_only:
            quantity = min(quantity, max(Decimal(0), -sign * held))
        self.positions[one.symbol] = held + sign * quantity
        rest = one.remaining - quantity
        if rest > 0 and quantity > 0:
            self.working.append(msgspec.structs.replace(one, remaining=rest, filled=one.filled + quantity))

    def fill_all(self, sides: dict[str, str], *, reduce_only: bool) -> Desk:
        """Another desk, where all orders of one side a symbol have filled, those that only reduce first or last."""
        other = Desk()
        other.positions = dict(self.positions)
        other.working = [one for one in self.working if one.side == sides[one.symbol]]
        other.working.sort(key=lambda one: one.reduce_only != reduce_only)
        while other.working:
            other.fill(0, 10**6)
        return other

    def is_within_limits(self) -> bool:
        """Whether no limit is broken by the positions as they are."""
        values = {symbol: abs(held) * PRICES[symbol] for symbol, held in self.positions.items()}
        largest = max(abs(held) for held in self.positions.values())
        return largest <= MOST_UNITS and max(values.values()) <= MOST_VALUE and sum(values.values()) <= MOST_GROSS


amounts = st.sampled_from([1, 5, 8, 10, 15, 20, 30])
symbols, sides = st.sampled_from(sorted(PRICES)), st.sampled_from(SIDES)
places = st.builds(Place, symbols, sides, amounts, st.booleans(), st.integers(0, 30))
steps_taken = st.one_of(places, st.builds(Fill, st.integers(0, 30), amounts), st.builds(Cancel, st.integers(0, 30)))
TURNED_AND_REDUCED = [
    Place("A", "buy", 15),
    Fill(0, 15),
    Place("A", "sell", 30),
    Place("A", "sell", 15, reduce_only=True),
]
REPLACED_BY_MORE = [
    Place("A", "buy", 10),
    Fill(0, 5),
    Place("A", "buy", 15, replaces=0),
    Place("A", "buy", 20, replaces=0),
]


@settings(max_examples=200, deadline=None)
@given(steps=st.lists(steps_taken, max_size=40))
@example(steps=TURNED_AND_REDUCED)
@example(steps=REPLACED_BY_MORE)
def test_whatever_is_allowed_and_however_it_fills_no_limit_breaks(steps: list[Place | Fill | Cancel]) -> None:
    desk = Desk()
    for step in steps:
        desk.do(step)
        assert desk.is_within_limits()
        for first, second in product(SIDES, repeat=2):
            for reduce_only in (False, True):
                assert desk.fill_all({"A": first, "B": second}, reduce_only=reduce_only).is_within_limits()


def test_the_limits_can_be_reached_by_such_sequences() -> None:
    desk = Desk()
    steps: list[Place | Fill] = [
        Place("A", "buy", 15),
        Place("A", "buy", 1),
        Fill(0, 15),
        Place("A", "sell", 30),
        Fill(0, 30),
    ]
    assert [desk.do(step) for step in steps] == [True, False, True, True, True]
    assert desk.positions["A"] == -15


@given(
    side=sides,
    quantity=st.integers(-2, 10**6),
    reduce_only=st.booleans(),
    kill=st.sampled_from(KILLS),
)
def test_a_decision_changes_nothing_and_is_the_same_again(
    side: Side, quantity: int, kill: KillAction | Literal[""], *, reduce_only: bool
) -> None:
    facts = view(positions={"A": 5}, kill=kill)
    before = repr(facts)
    new = order(side, quantity, reduce_only=reduce_only)
    assert check(new, facts, LIMIT, NOW) == check(new, facts, LIMIT, NOW)
    assert repr(facts) == before


def test_an_order_that_was_denied_leaves_no_trace_in_any_state() -> None:
    first = order(client_order_id="first")
    counts = fold_counts(OrderCounts(), event(OrderSubmitted(client_order_id="first", venue="paper")))
    recent = fold_recent(RecentOrders(), event(first))
    switch, marks = KillSwitch(), EquityMarks(day="2025-11-25")
    after = (counts, recent, switch, marks)
    for body in (order(client_order_id="second"), OrderDenied(client_order_id="second", rule="r", reason="x")):
        happened = event(body, NOW + SECOND // 2)
        after = (
            fold_counts(after[0], happened),
            fold_recent(after[1], happened),
            fold_switch(after[2], happened),
            fold_marks(after[3], happened),
        )
    assert after == (counts, recent, switch, marks)
