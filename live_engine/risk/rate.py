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
    """Grains with their counts, oldest first, their sum, and the orders of the day (UTC, in days since 1970).

    `run_ns` goes on with the wall clock but never back: a wall clock set back stands still here, and what was counted
    ages on from there.
    """

    grains: tuple[tuple[int, int], ...] = ()
    total: int = 0
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
    gone, orders_gone = _gone(counts, run_ns // GRAIN_NS)
    kept = counts.grains[gone:]
    kept = (*kept[:-1], (grain, kept[-1][1] + 1)) if kept and kept[-1][0] == grain else (*kept, (grain, 1))
    day = max(counts.day, event.wall_ns // DAY_NS)
    return OrderCounts(
        grains=kept,
        total=counts.total - orders_gone + 1,
        run_ns=run_ns,
        wall_ns=event.wall_ns,
        day=day,
        of_day=counts.of_day + 1 if day == counts.day else 1,
    )


def in_last_second(counts: OrderCounts, now_ns: int) -> int:
    """How many orders were sent within the second that ends now."""
    now = _run_ns(counts, now_ns) // GRAIN_NS
    total = 0
    for grain, count in reversed(counts.grains):
        if now - grain >= SECOND_NS // GRAIN_NS:
            break
        total += count
    return total


def in_last_minute(counts: OrderCounts, now_ns: int) -> int:
    """How many orders were sent within the minute that ends now."""
    return counts.total - _gone(counts, _run_ns(counts, now_ns) // GRAIN_NS)[1]


def orders_today(counts: OrderCounts, now_ns: int) -> int:
    """How many orders were sent since midnight UTC."""
    return counts.of_day if now_ns // DAY_NS <= counts.day else 0


def _gone(counts: OrderCounts, now: int) -> tuple[int, int]:
    """How many grains, and orders in them, are a minute old: few, as each order that is sent drops them."""
    grains = orders = 0
    while grains < len(counts.grains) and now - counts.grains[grains][0] >= MINUTE_NS // GRAIN_NS:
        orders += counts.grains[grains][1]
        grains += 1
    return grains, orders


def _run_ns(counts: OrderCounts, wall_ns: int) -> int:
    return counts.run_ns + max(0, wall_ns - counts.wall_ns)


def per_second(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many orders in any second."""
    if view.counts.total < limits.max_orders_per_second:  # of a minute and more
        return None
    return _beyond(in_last_second(view.counts, now_ns), limits.max_orders_per_second, "within one second")


def per_minute(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many orders in any minute."""
    return _beyond(in_last_minute(view.counts, now_ns), limits.max_orders_per_minute, "within one minute")


def per_day(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """At most so many orders a day of UTC."""
    return _beyond(orders_today(view.counts, now_ns), limits.max_orders_per_day, "today (UTC)")


def _beyond(sent: int, most: int, when: str) -> str | None:
    return f"{sent} orders were sent {when}, at most {most} may be" if sent + 1 > most else None
