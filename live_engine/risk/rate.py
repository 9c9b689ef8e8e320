"""How many orders a second, a minute and a day: counted from what was sent, so that a restart does not forget.

Moments are kept in grains of 10 ms, of at most one minute: at most 6,000 numbers whatever the load. An order counts
until its grain is over, so never more than the limit fall into any second or minute; a count may last 10 ms too long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.events import Event, OrderIntent, OrderSubmitted

if TYPE_CHECKING:
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView

GRAIN_NS = 10_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
DAY_NS = 86_400 * SECOND_NS


class OrderCounts(msgspec.Struct, frozen=True):
    """Grains with their counts, oldest first, and the orders of the day (UTC, counted in days since 1970).

    `run_ns` goes on with the wall clock but never back: a wall clock set back stands still here, and what was counted
    ages on from there.
    """

    grains: tuple[tuple[int, int], ...] = ()
    run_ns: int = 0
    wall_ns: int = 0
    day: int = 0
    of_day: int = 0


def fold_counts(counts: OrderCounts, event: Event) -> OrderCounts:
    """The counts after an event: an order that was sent counts, nothing else does."""
    if not isinstance(event.body, OrderSubmitted):
        return counts
    run_ns = _run_ns(counts, event.wall_ns)
    grain = -(-run_ns // GRAIN_NS)
    kept = counts.grains
    if kept and kept[-1][0] == grain:
        kept = (*kept[:-1], (grain, kept[-1][1] + 1))
    else:
        first = 0
        while first < len(kept) and run_ns // GRAIN_NS - kept[first][0] >= MINUTE_NS // GRAIN_NS:
            first += 1
        kept = (*kept[first:], (grain, 1))
    day = max(counts.day, event.wall_ns // DAY_NS)
    of_day = counts.of_day + 1 if day == counts.day else 1
    return OrderCounts(grains=kept, run_ns=run_ns, wall_ns=event.wall_ns, day=day, of_day=of_day)


def orders_within(counts: OrderCounts, window_ns: int, now_ns: int) -> int:
    """How many orders were sent within a window, of at most a minute, that ends now."""
    now = _run_ns(counts, now_ns) // GRAIN_NS
    total = 0
    for grain, count in reversed(counts.grains):
        if now - grain >= window_ns // GRAIN_NS:
            break
        total += count
    return total


def orders_today(counts: OrderCounts, now_ns: int) -> int:
    """How many orders were sent since midnight UTC."""
    return counts.of_day if now_ns // DAY_NS <= counts.day else 0


def _run_ns(counts: OrderCounts, wall_ns: int) -> int:
    return counts.run_ns + max(0, wall_ns - counts.wall_ns)


def per_second(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many orders in any second."""
    return _beyond(orders_within(view.counts, SECOND_NS, now_ns), limits.max_orders_per_second, "within one second")


def per_minute(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many orders in any minute."""
    return _beyond(orders_within(view.counts, MINUTE_NS, now_ns), limits.max_orders_per_minute, "within one minute")


def per_day(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many orders a day of UTC."""
    return _beyond(orders_today(view.counts, now_ns), limits.max_orders_per_day, "today (UTC)")


def _beyond(sent: int, most: int, when: str) -> str | None:
    return f"{sent} orders were sent {when}, at most {most} may be" if sent + 1 > most else None
