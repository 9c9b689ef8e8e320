"""No trade with ourselves: an order must not meet one of our own that rests on the other side.

An order without a price is taken to trade at the last price. An untriggered stop rests nowhere and meets nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.risk.reach import as_working, is_exit, others
from live_engine.risk.view import last_price

if TYPE_CHECKING:
    from decimal import Decimal

    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView, WorkingOrder


def self_cross(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """Not against an own order; an exit at market passes: to get out matters more than a fee paid twice."""
    new = as_working(view, order)
    if not limits.forbid_self_cross or not new.resting or (order.order_type == "market" and is_exit(view, order)):
        return None
    for old in others(view, order):
        if old.side != order.side and old.resting and _meet(new, old, last_price(view, order.symbol)):
            at = "the market" if old.limit_price is None else old.limit_price
            return f"it would trade with our own {old.side} order {old.client_order_id!r} at {at}"
    return None


def _meet(one: WorkingOrder, other: WorkingOrder, last: Decimal | None) -> bool:
    buy, sell = (one, other) if one.side == "buy" else (other, one)
    bid = last if buy.limit_price is None else buy.limit_price
    ask = last if sell.limit_price is None else sell.limit_price
    return bid is None or ask is None or bid >= ask
