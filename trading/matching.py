"""Whether an order acts on a price, and at which: one order and one price, or one move between two prices.

A price that appears (an open, a tick) is the move from that price to itself: whatever it has passed acts at it, so a
gap fills at the price that is there and not at the one that was asked for. Within a move prices are taken to be
passed one after the other, so an order acts at its own price. The same functions serve bars in a backtest and ticks
in a paper account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.order import (
    EXTREME,
    LIMIT,
    LIMIT_ORDER,
    MARKET,
    NAN,
    SIDE,
    STOP,
    STOP_LIMIT,
    STOP_ORDER,
    TRAIL,
    TRAILING_STOP,
    TRAILING_STOP_PERCENT,
    TRIGGERED,
    TYPE,
    is_target,
)

if TYPE_CHECKING:
    from trading.order import Book


def is_trailing(orders: Book, slot: int) -> bool:
    """Whether the order's stop follows the price."""
    return orders[slot + TYPE] == TRAILING_STOP or orders[slot + TYPE] == TRAILING_STOP_PERCENT


def needs_trigger(orders: Book, slot: int) -> bool:
    """Whether the order is a stop that has not been reached yet."""
    return orders[slot + TRIGGERED] == 0.0 and STOP_ORDER <= orders[slot + TYPE] <= TRAILING_STOP_PERCENT


def is_limit(orders: Book, slot: int) -> bool:
    """Whether the order has a limit that holds now."""
    return orders[slot + TYPE] == LIMIT_ORDER or (orders[slot + TYPE] == STOP_LIMIT and orders[slot + TRIGGERED] != 0.0)


def stop_level(orders: Book, slot: int) -> float:
    """The price at which a stop triggers; a trailing one follows from the best price so far."""
    if orders[slot + TYPE] == TRAILING_STOP:
        return orders[slot + EXTREME] + orders[slot + SIDE] * orders[slot + TRAIL]
    if orders[slot + TYPE] == TRAILING_STOP_PERCENT:
        return orders[slot + EXTREME] * (1.0 + orders[slot + SIDE] * orders[slot + TRAIL])
    return orders[slot + STOP]


def action_price(orders: Book, slot: int, start: float, end: float) -> float:
    """Where on a move from `start` to `end` a working order triggers or fills; NaN when it does neither.

    Market orders, and stops that have triggered, act at once. A limit waits for a price as good as its own, a stop
    for one as bad.
    """
    kind = orders[slot + TYPE]
    if kind == MARKET or is_target(orders, slot):
        return start
    limited = is_limit(orders, slot)
    if not limited and orders[slot + TRIGGERED] != 0.0:
        return start
    level = orders[slot + LIMIT] if limited else stop_level(orders, slot)
    acts_above = (orders[slot + SIDE] > 0.0) != limited
    if acts_above:
        if start >= level:
            return start
        return level if end >= level else NAN
    if start <= level:
        return start
    return level if end <= level else NAN


def follow(orders: Book, slot: int, price: float) -> None:
    """Let a trailing stop take notice of a price: highs for a sale, lows for a purchase."""
    if not is_trailing(orders, slot):
        return
    best = orders[slot + EXTREME]
    if best == 0.0 or (orders[slot + SIDE] < 0.0 and price > best) or (orders[slot + SIDE] > 0.0 and price < best):
        orders[slot + EXTREME] = price


def within_reach(orders: Book, slot: int, low: float, high: float) -> bool:
    """Whether some order of prices between `low` and `high` makes the order act; never false when one does."""
    if is_trailing(orders, slot) and orders[slot + TRIGGERED] == 0.0:
        best = orders[slot + EXTREME]
        if orders[slot + SIDE] < 0.0:
            best = max(best, high)
            level = (
                best - orders[slot + TRAIL]
                if orders[slot + TYPE] == TRAILING_STOP
                else best * (1.0 - orders[slot + TRAIL])
            )
            return low <= level
        best = low if best == 0.0 else min(best, low)
        level = (
            best + orders[slot + TRAIL] if orders[slot + TYPE] == TRAILING_STOP else best * (1.0 + orders[slot + TRAIL])
        )
        return high >= level
    price = action_price(orders, slot, low, high)
    if price == price:  # noqa: PLR0124 - NaN: not on the way up
        return True
    price = action_price(orders, slot, high, low)
    return price == price  # noqa: PLR0124 - NaN: not on the way down
