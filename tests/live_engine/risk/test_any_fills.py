"""No sequence of allowed orders breaks a limit, however they fill, are replaced or cancelled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from live_engine.events import OrderDenied, OrderSubmitted
from live_engine.risk.check import check
from live_engine.risk.duplicates import RecentOrders, fold_recent
from live_engine.risk.kill_switch import KillSwitch, fold_switch
from live_engine.risk.loss import EquityMarks, fold_marks
from live_engine.risk.rate import OrderCounts, fold_counts
from live_engine.risk.reach import as_working
from live_engine.risk.view import LastPrice, WorkingOrder
from tests.live_engine.risk.facts import NOW, SECOND, event, limits, order, view

if TYPE_CHECKING:
    from live_engine.risk.view import RiskView

PRICES = {"A": Decimal(100), "B": Decimal(30)}
LIMIT = limits(
    max_position_quantity=Decimal(20), max_position_notional=Decimal(1_500), max_gross_exposure=Decimal("0.2")
)
MOST_GROSS = Decimal("0.2") * 10_000


class Desk:
    """Positions and working orders: what a venue does to them that cuts at zero what only reduces."""

    def __init__(self) -> None:
        self.positions = dict.fromkeys(PRICES, Decimal(0))
        self.working: list[WorkingOrder] = []

    def view(self) -> RiskView:
        prices = {symbol: LastPrice(price, NOW) for symbol, price in PRICES.items()}
        return view(positions=self.positions, working=tuple(self.working), prices=prices)

    def place(self, number: int, step: Any) -> bool:
        _what, symbol, side, quantity, reduce_only, which = step
        replaces = self.working[which % len(self.working)].client_order_id if which % 3 == 0 and self.working else ""
        new = order(
            side, quantity, symbol=symbol, client_order_id=f"o{number}", reduce_only=reduce_only, replaces=replaces
        )
        before = self.view()
        if check(new, before, LIMIT, NOW) is not None:
            return False
        entering = as_working(before, new)
        old = next((one for one in self.working if one.client_order_id == replaces), None)
        if old is not None and (old.symbol, old.side) == (symbol, side):
            self.working.remove(old)
            entering = msgspec.structs.replace(entering, filled=old.filled)
        if entering.remaining > 0:
            self.working.append(entering)
        return True

    def fill(self, which: int, share: int) -> None:
        if not self.working:
            return
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


symbols, sides = st.sampled_from(sorted(PRICES)), st.sampled_from(["buy", "sell"])
places = st.tuples(st.just("place"), symbols, sides, st.integers(1, 45), st.booleans(), st.integers(0, 30))
fills = st.tuples(st.just("fill"), st.integers(0, 30), st.integers(1, 45))
cancels = st.tuples(st.just("cancel"), st.integers(0, 30))


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.one_of(places, fills, cancels), max_size=40))
def test_whatever_is_allowed_and_however_it_fills_no_limit_breaks(steps: list[Any]) -> None:
    desk = Desk()
    for number, step in enumerate(steps):
        if step[0] == "place":
            desk.place(number, step)
        elif step[0] == "fill":
            desk.fill(step[1], step[2])
        elif desk.working:
            desk.working.pop(step[1] % len(desk.working))
        assert all(abs(held) <= 20 for held in desk.positions.values())
        assert all(abs(held) * PRICES[symbol] <= 1_500 for symbol, held in desk.positions.items())
        assert sum(abs(held) * PRICES[symbol] for symbol, held in desk.positions.items()) <= MOST_GROSS


def test_the_limits_can_be_reached_by_such_sequences() -> None:
    desk = Desk()
    assert desk.place(1, ("place", "A", "buy", 15, False, 1))
    assert not desk.place(2, ("place", "A", "buy", 1, False, 1))
    desk.fill(0, 15)
    assert desk.place(3, ("place", "A", "sell", 30, False, 1))
    desk.fill(0, 30)
    assert desk.positions["A"] == -15


@given(
    side=sides,
    quantity=st.integers(-2, 10**6),
    reduce_only=st.booleans(),
    kill=st.sampled_from(["", "halt", "flatten"]),
)
def test_a_decision_changes_nothing_and_is_the_same_again(
    side: Any, quantity: int, kill: Any, *, reduce_only: bool
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
