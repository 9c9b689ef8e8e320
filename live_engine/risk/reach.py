"""How far working orders can carry a position at worst, and which orders can only make it smaller.

At worst all orders of one side fill and none of the other. An order that only reduces is cut at zero by whoever matches
it, yet it can take away the position that a plain order was to close: so it counts first, the plain ones after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from live_engine.risk.view import ZERO, RiskView, Working, WorkingOrder

if TYPE_CHECKING:
    from decimal import Decimal

    from live_engine.events import OrderIntent

NOTHING = Working()


class Reach(NamedTuple):
    """The least and the largest signed quantity that a position can come to."""

    low: Decimal
    high: Decimal

    @property
    def furthest(self) -> Decimal:
        """The larger of the two, whatever its side."""
        return max(abs(self.low), abs(self.high))


def reach(view: RiskView, symbol: str) -> Reach:
    """How far a position can come by the orders that work now."""
    return _reach(view.positions.get(symbol, ZERO), view.sums.get(symbol, NOTHING))


def reach_with(view: RiskView, order: OrderIntent) -> Reach:
    """How far the position of an order's symbol can come when that order works too."""
    beside = view.sums.get(order.symbol, NOTHING)
    if order.replaces:
        beside = NOTHING
        for other in others(view, order):
            beside = beside.with_order(other)
    return _reach(view.positions.get(order.symbol, ZERO), beside.with_order(as_working(view, order)))


def is_exit(view: RiskView, order: OrderIntent) -> bool:
    """Whether an order can only make a position smaller: by its own rule, or because it cannot cross zero at worst."""
    if order.reduce_only:
        return True
    held = view.positions.get(order.symbol, ZERO)
    if held == 0 or (held > 0) == (order.side == "buy"):
        return False
    after = reach_with(view, order)
    return after.low >= 0 if held > 0 else after.high <= 0


def replaced_by(view: RiskView, order: OrderIntent) -> WorkingOrder | None:
    """The working order whose place an order takes; None when it takes none."""
    if not order.replaces:
        return None
    for old in view.working:
        if (old.client_order_id, old.symbol, old.side) == (order.replaces, order.symbol, order.side):
            return old
    return None


def others(view: RiskView, order: OrderIntent) -> list[WorkingOrder]:
    """The orders of the same symbol that work beside an order: all but the one whose place it takes."""
    gone = replaced_by(view, order)
    return [other for other in view.working if other.symbol == order.symbol and other is not gone]


def as_working(view: RiskView, order: OrderIntent) -> WorkingOrder:
    """An intent as it will work; of a replacement's quantity, that of its whole chain, what has filled is off."""
    old = replaced_by(view, order)
    return WorkingOrder(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        remaining=order.quantity if old is None else max(ZERO, order.quantity - old.filled),
        limit_price=order.limit_price,
        reduce_only=order.reduce_only,
        resting=order.stop_price is None and order.trail is None and not order.parent,
    )


def _reach(held: Decimal, working: Working) -> Reach:
    low = max(ZERO, held - working.trim) if held > 0 else held
    high = min(ZERO, held + working.cover) if held < 0 else held
    return Reach(low - working.sells, high + working.buys)
