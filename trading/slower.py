"""Slower bars out of a strategy's own, bar by bar: never more than what has closed.

A slower bar spans the bars that open within one period of its length, counted from 00:00 UTC, weeks from Monday. It
counts as closed once a bar of a later period has closed, since nobody can tell before whether another bar comes: after
a gap, at a session's early end. So it is known to a strategy one bar later than its last part, and never earlier.

Every slower timeframe owns SLOWER_SIZE numbers of the strategy's state, from `at` on; zeros are its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.bar import Bar

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
WEEK_US = 7 * DAY_US
MONDAY_US = 4 * DAY_US  # 1 January 1970 was a Thursday

# The bar that grows and the one that closed last: open of its period, open, high, low, close, volume; then counts.
_FIELDS = 6
_GROWING, _CLOSED = 0, _FIELDS
_PARTS, _DONE = 2 * _FIELDS, 2 * _FIELDS + 1
SLOWER_SIZE = 2 * _FIELDS + 2


def period_start(ts_us: int, length_us: int) -> int:
    """Where the period that a moment falls into begins; lengths of whole weeks begin on Mondays."""
    shift = MONDAY_US if length_us % WEEK_US == 0 else 0
    return (ts_us - shift) // length_us * length_us + shift


def slower_push(state: MutableSequence[float], at: int, length_us: int, bar: Bar) -> bool:
    """Take a closed bar in; answers whether a slower bar has closed with it, which `slower_bar` then shows."""
    start = float(period_start(bar.ts_us, length_us))
    parts = at + _PARTS
    closes = state[parts] > 0.0 and state[at] != start
    if closes:
        for k in range(_FIELDS):
            state[at + _CLOSED + k] = state[at + _GROWING + k]
        state[at + _DONE] += 1.0
        state[parts] = 0.0
    if state[parts] == 0.0:
        state[at] = start
        state[at + 1], state[at + 2], state[at + 3], state[at + 5] = bar.open, bar.high, bar.low, 0.0
    state[parts] += 1.0
    state[at + 2] = max(state[at + 2], bar.high)
    state[at + 3] = min(state[at + 3], bar.low)
    state[at + 4] = bar.close
    state[at + 5] += bar.volume
    return closes


def slower_count(state: Sequence[float], at: int) -> int:
    """How many slower bars have closed."""
    return int(state[at + _DONE])


def slower_bar(state: Sequence[float], at: int) -> Bar:
    """The slower bar that closed last; `ts_us` is where its period begins. All zeros before the first."""
    first = at + _CLOSED
    return Bar(
        int(state[first]), state[first + 1], state[first + 2], state[first + 3], state[first + 4], state[first + 5]
    )
