"""Whether it may be traded now: symbol, hours, a fresh price, a right clock."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from live_engine.risk.hours import is_open, local_time, parse_hours

if TYPE_CHECKING:
    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView

NS_PER_S = 1_000_000_000


def symbol_allowed(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """One of the allowed symbols, or of all that are configured where none are named."""
    allowed = limits.symbols or view.symbols
    if order.symbol in allowed:
        return None
    return f"{order.symbol!r} is not among the {len(allowed)} symbols that may be traded"


def trading_hours(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """Within the hours, in their own time zone; always where none are set."""
    if not limits.hours:
        return None
    zone = ZoneInfo(limits.timezone)
    if is_open(parse_hours(limits.hours), zone, now_ns, weekends=limits.weekends):
        return None
    days = "every day" if limits.weekends else "Monday to Friday"
    return f"it is {local_time(zone, now_ns)}, the hours are {limits.hours} {days}"


def stale_price(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """A last price that is not too old; one from the future is as wrong."""
    found = view.prices.get(order.symbol)
    if found is None:
        return f"there is no price of {order.symbol} yet"
    age_s = abs(now_ns - found.at_ns) / NS_PER_S
    if age_s <= limits.max_price_age_s:
        return None
    return f"the last price of {order.symbol} is {age_s:.3f} s old, at most {limits.max_price_age_s:g} s may be"


def clock_offset(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """This machine's clock close to the venue's; where there is no venue to ask, no matter."""
    offset_ms = view.clock_offset_ms
    if offset_ms is None or abs(offset_ms) <= limits.max_clock_offset_ms:
        return None
    return f"our clock is {offset_ms:.3f} ms off the venue's, at most {limits.max_clock_offset_ms:g} ms may be"
