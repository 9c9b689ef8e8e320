"""Rolling figures on a flat state, one new value at a time: the same code compiled and interpreted.

Every figure owns a slice of the strategy's state that starts at `at`; a `*_size` function says how long the
slice is. All zeros is its start. A figure that has too few values yet answers NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableSequence

NAN = float("nan")
_HEAD = 3  # of a window: how many values, the running sum, the slot to write next


def window_size(n: int) -> int:
    """Slots of a window over `n` values."""
    return _HEAD + n


def window_push(state: MutableSequence[float], at: int, n: int, value: float) -> float:
    """Put a value in; answers the one that fell out, NaN while the window fills."""
    fallen, _, _ = _roll(state, at, n, value)
    return fallen


def _roll(state: MutableSequence[float], at: int, n: int, value: float) -> tuple[float, float, float]:
    """Put a value in; answers the one that fell out, NaN while the window fills, and the new sum.

    Every slot is read once, before any is written: compiled code could not tell whether they are the same.
    """
    count, total, slot = state[at], state[at + 1], state[at + 2]
    place, fallen = at + _HEAD + int(slot), NAN
    if count >= n:
        fallen = state[place]
        total -= fallen
    else:
        count += 1.0
        state[at] = count
    total += value
    state[at + 1] = total
    state[at + 2] = slot + 1.0 if slot + 1.0 < n else 0.0
    state[place] = value
    return fallen, total, count


def window_full(state: MutableSequence[float], at: int, n: int) -> bool:
    """Whether the window holds `n` values."""
    return state[at] >= n


def sma_push(state: MutableSequence[float], at: int, n: int, value: float) -> float:
    """Simple moving average of the last `n` values (slots: window_size)."""
    _, total, count = _roll(state, at, n, value)
    return total / n if count >= n else NAN


def window_max(state: MutableSequence[float], at: int) -> float:
    """Largest value in the window; NaN when it is empty."""
    largest = NAN
    for i in range(int(state[at])):
        value = state[at + _HEAD + i]
        if i == 0 or value > largest:
            largest = value
    return largest


def window_min(state: MutableSequence[float], at: int) -> float:
    """Smallest value in the window; NaN when it is empty."""
    smallest = NAN
    for i in range(int(state[at])):
        value = state[at + _HEAD + i]
        if i == 0 or value < smallest:
            smallest = value
    return smallest


def window_std(state: MutableSequence[float], at: int, n: int) -> float:
    """Sample standard deviation (ddof 1) of a full window of at least two values; NaN before."""
    if state[at] < n or n < 2:  # noqa: PLR2004 - one value has no deviation
        return NAN
    mean = 0.0
    for i in range(n):
        mean += state[at + _HEAD + i]
    mean /= n
    total = 0.0
    for i in range(n):
        deviation = state[at + _HEAD + i] - mean
        total += deviation * deviation
    return math.sqrt(total / (n - 1))


WILDER_SIZE = 4  # values seen, previous value, average gain, average loss


def rsi_push(state: MutableSequence[float], at: int, n: int, value: float) -> float:
    """Relative Strength Index over `n` changes with Wilder's smoothing (slots: WILDER_SIZE).

    J. Welles Wilder, New Concepts in Technical Trading Systems (1978): the first averages are simple means of
    `n` gains and losses, later ones (previous x (n - 1) + new) / n.
    """
    seen = state[at]
    state[at] = seen + 1.0
    change = value - state[at + 1]
    state[at + 1] = value
    if seen == 0.0:
        return NAN
    gain = max(0.0, change)
    loss = -change if change < 0.0 else 0.0
    if seen <= n:
        state[at + 2] += gain / n
        state[at + 3] += loss / n
        if seen < n:
            return NAN
    else:
        state[at + 2] = (state[at + 2] * (n - 1) + gain) / n
        state[at + 3] = (state[at + 3] * (n - 1) + loss) / n
    if state[at + 3] == 0.0:
        return 100.0 if state[at + 2] > 0.0 else 50.0
    return 100.0 - 100.0 / (1.0 + state[at + 2] / state[at + 3])


ATR_SIZE = 3  # ranges seen, previous close, average range


def atr_push(state: MutableSequence[float], at: int, n: int, high: float, low: float, close: float) -> float:
    """Average True Range over `n` bars with Wilder's smoothing (slots: ATR_SIZE).

    J. Welles Wilder, New Concepts in Technical Trading Systems (1978): the true range spans the bar and the close
    before it; the first average is a simple mean of `n` of them, later ones (previous x (n - 1) + new) / n.
    """
    seen, before = state[at], state[at + 1]
    state[at] = seen + 1.0
    state[at + 1] = close
    reach = high - low
    if seen > 0.0:
        reach = max(high, before) - min(low, before)
    if seen < n:
        state[at + 2] += reach / n
        return state[at + 2] if seen == n - 1 else NAN
    state[at + 2] = (state[at + 2] * (n - 1) + reach) / n
    return state[at + 2]
