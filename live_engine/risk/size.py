"""How large one order may be. An order that closes no more than what is held passes, however large that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.risk.reach import as_working, is_exit
from live_engine.risk.view import ZERO, last_price

if TYPE_CHECKING:
    from decimal import Decimal

    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView


def numbers(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """Numbers that can be compared with a limit at all: finite, and a quantity above 0."""
    given = {"limit price": order.limit_price, "stop price": order.stop_price, "trail": order.trail}
    for name, value in given.items():
        if value is not None and not value.is_finite():
            return f"its {name} is {value}"
    if not order.quantity.is_finite() or order.quantity <= 0:
        return f"its quantity is {order.quantity}"
    return None


def order_quantity(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many units in one order."""
    if order.quantity <= limits.max_order_quantity or _closes_what_is_held(order, view):
        return None
    return f"it is for {order.quantity:f} units, at most {limits.max_order_quantity:f} may be"


def order_notional(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so much money in one order, at the highest of last price, limit and stop."""
    price = highest_price(order, last_price(view, order.symbol))
    notional = abs(order.quantity * price)
    if notional <= limits.max_order_notional or _closes_what_is_held(order, view):
        return None
    return f"it is worth {notional:f} at {price:f}, at most {limits.max_order_notional:f} may be"


def highest_price(order: OrderIntent, last: Decimal | None) -> Decimal:
    """The highest price that an order speaks of, the last one included; 0 when there is none at all."""
    return max((price for price in (last, order.limit_price, order.stop_price) if price is not None), default=ZERO)


def _closes_what_is_held(order: OrderIntent, view: RiskView) -> bool:
    held = abs(view.positions.get(order.symbol, ZERO))
    return is_exit(view, order) and as_working(view, order).remaining <= held
