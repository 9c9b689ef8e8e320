"""How large positions may become, and all of them together, when working orders fill in the worst way.

Positions are valued at the last price. A limit that is broken already (prices moved, or it was lowered) denies only
orders that make the worst case worse.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.risk.reach import reach, reach_with
from live_engine.risk.view import ZERO, last_price

if TYPE_CHECKING:
    from decimal import Decimal

    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView

UNPRICED = "there is no price of {symbol} to value its position at"


def position_quantity(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many units of one symbol, whatever the side."""
    after = _worse(order, view)
    if after is None or after <= limits.max_position_quantity:
        return None
    return (
        f"with what works already {order.symbol} could come to {after:f} units, "
        f"at most {limits.max_position_quantity:f} may be"
    )


def position_notional(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so much money in one symbol, whatever the side."""
    after = _worse(order, view)
    if after is None:
        return None
    price = last_price(view, order.symbol)
    if price is None:
        return UNPRICED.format(symbol=order.symbol)
    value = after * abs(price)
    if value <= limits.max_position_notional:
        return None
    return (
        f"with what works already {order.symbol} could come to a value of {value:f}, "
        f"at most {limits.max_position_notional:f} may be"
    )


def gross_exposure(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """All positions together, whatever their side, at most so many times equity."""
    after = _worse(order, view)
    if after is None:
        return None
    total = ZERO
    for symbol in {order.symbol, *view.positions, *view.sums}:
        furthest = after if symbol == order.symbol else reach(view, symbol).furthest
        price = last_price(view, symbol)
        if furthest and price is None:
            return UNPRICED.format(symbol=symbol)
        total += furthest * abs(price or ZERO)
    most = limits.max_gross_exposure * max(ZERO, view.equity)
    if total <= most:
        return None
    return (
        f"with what works already all positions could come to {total:f}, at most {most:f} may be: "
        f"{limits.max_gross_exposure:f} times the equity of {view.equity:f}"
    )


def _worse(order: OrderIntent, view: RiskView) -> Decimal | None:
    """How far the position could come with the order, when that is further than without; else None."""
    after = reach_with(view, order).furthest
    return after if after > reach(view, order.symbol).furthest else None
