"""The price collar: a limit must not lie far beyond the last trade on the side where it fills at once.

A buy far below and a sell far above only wait. A stop order's limit is measured from its stop, where it comes to life.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.risk.view import last_price

if TYPE_CHECKING:
    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView

BPS = Decimal(10_000)


def price_collar(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """Within so many basis points of the last trade, or of the stop."""
    anchor, name = (
        (last_price(view, order.symbol), "last price") if order.stop_price is None else (order.stop_price, "stop")
    )
    if order.limit_price is None or anchor is None:
        return None
    width = abs(anchor) * limits.price_collar_bps / BPS
    beyond = order.limit_price - anchor if order.side == "buy" else anchor - order.limit_price
    if beyond <= width:
        return None
    where = "above" if order.side == "buy" else "below"
    return (
        f"its limit {order.limit_price:f} lies {beyond:f} {where} the {name} {anchor:f}, "
        f"at most {width:f} ({limits.price_collar_bps:f} bps) may be"
    )
