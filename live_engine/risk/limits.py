"""[live.risk] of pi5.toml: what an order, a position, a day and the account may come to.

The defaults are meant for a paper account of some 10,000: no borrowed money, at most a turn from fully long to fully
short in one order. No limit can be left out; who wants none writes a large number.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from live_engine.events import KillAction  # noqa: TC001 - msgspec reads the annotations
from live_engine.risk.hours import parse_hours

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=604_800)]
Milliseconds = Annotated[float, msgspec.Meta(gt=0, le=3_600_000)]
LONGEST_WINDOW_S = 60
ABOVE_ZERO = (
    "max_order_quantity",
    "max_order_notional",
    "price_collar_bps",
    "max_position_quantity",
    "max_position_notional",
    "max_gross_exposure",
    "max_daily_loss",
    "max_drawdown_pct",
)


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[live.risk]: every limit is the last value that passes.

    Quantities are in units of the symbol, notionals and losses in the account's currency; `max_gross_exposure` is the
    value of all positions, whatever their side, over equity (1: no borrowed money). `price_collar_bps` is how far
    beyond the last trade a limit may lie on the side where it fills at once. `max_daily_loss` counts from the first
    equity of the day, `max_drawdown_pct` from the highest; beyond either the kill switch goes to `loss_action` alone.
    `symbols`: those allowed, empty for all that are configured. `hours`: "09:30-16:00" in `timezone`, Monday to Friday
    unless `weekends`; empty for always. `duplicate_window_s`: how long the same order again is taken for a mistake, 0
    for never.
    """

    max_order_quantity: Decimal = Decimal(10_000)
    max_order_notional: Decimal = Decimal(20_000)
    price_collar_bps: Decimal = Decimal(500)
    max_position_quantity: Decimal = Decimal(10_000)
    max_position_notional: Decimal = Decimal(20_000)
    max_gross_exposure: Decimal = Decimal(1)
    max_orders_per_second: Count = 5
    max_orders_per_minute: Count = 60
    max_orders_per_day: Count = 1_000
    max_daily_loss: Decimal = Decimal(500)
    max_drawdown_pct: Decimal = Decimal(10)
    loss_action: KillAction = "halt"
    symbols: tuple[str, ...] = ()
    hours: str = ""
    timezone: str = "America/New_York"
    weekends: bool = False
    max_price_age_s: Seconds = 120.0
    max_clock_offset_ms: Milliseconds = 1_000.0
    forbid_self_cross: bool = True
    duplicate_window_s: Annotated[float, msgspec.Meta(ge=0, le=LONGEST_WINDOW_S)] = 1.0


def first_wrong(limits: RiskLimits) -> tuple[str, str] | None:
    """The first key whose value will not do, and why; None when all will."""
    for key in ABOVE_ZERO:
        value: Decimal = getattr(limits, key)
        if not value.is_finite() or value <= 0:
            return key, f"{value} is no number above 0"
    if limits.hours:
        try:
            parse_hours(limits.hours)
        except ValueError as error:
            return "hours", str(error)
    try:
        ZoneInfo(limits.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return "timezone", f'{limits.timezone!r} is no time zone such as "America/New_York"'
    return None
