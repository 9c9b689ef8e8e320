"""Hold the few symbols that rose most, from one cash pool, and rotate at each review.

Source: N. Jegadeesh, S. Titman, "Returns to Buying Winners and Selling Losers", Journal of Finance 48 (1993), the long
side: rank by the return over `lookback` bars that ended `skip` bars ago, hold the best `top` in equal parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.indicators import window_push, window_size
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:
    """Bars since the last review, then per symbol its score and a window of closes for each end of the return."""
    return 1 + symbols * (1 + window_size(int(params[0])) + window_size(max(int(params[1]), 1)))


def allocate(
    state: MutableSequence[float],
    params: Sequence[float],
    bars: Sequence[Bar],
    positions: Sequence[float],  # noqa: ARG001 - the signature is the strategy's contract
    weights: MutableSequence[float],
) -> bool:
    """Score every symbol at every bar; every `hold` bars put equal parts into the best that rose at all."""
    lookback, skip, top, hold = int(params[0]), int(params[1]), int(params[2]), int(params[3])
    stride = 1 + window_size(lookback) + window_size(max(skip, 1))
    ready = False
    for s in range(len(bars)):
        at = 1 + s * stride
        close = bars[s].close
        if close != close:  # noqa: PLR0124 - NaN: no bar, the score stands
            continue
        recent = window_push(state, at + 1 + window_size(lookback), skip, close) if skip > 0 else close
        if recent != recent:  # noqa: PLR0124 - the skipped bars still fill
            continue
        past = window_push(state, at + 1, lookback, recent)
        state[at] = recent / past - 1.0 if past == past else 0.0  # noqa: PLR0124 - the lookback still fills
    for s in range(len(bars)):
        weights[s] = 0.0
        ready = ready or state[1 + s * stride] != 0.0
    if not ready:
        return False
    review = state[0] == 0.0
    state[0] = state[0] + 1.0 if state[0] + 1.0 < hold else 0.0
    for _ in range(min(top, len(bars))):
        best = best_left(state, stride, weights)
        if best >= 0:
            weights[best] = 1.0 / top
    return review


def best_left(state: Sequence[float], stride: int, weights: Sequence[float]) -> int:
    """The symbol with the highest score above zero that has no weight yet; -1 when there is none."""
    best, score = -1, 0.0
    for s in range(len(weights)):
        if weights[s] == 0.0 and state[1 + s * stride] > score:
            best, score = s, state[1 + s * stride]
    return best


STRATEGY = Strategy(
    name="momentum_rotation",
    source="Jegadeesh, Titman (1993)",
    parameters=(
        Parameter("lookback", 231, 1, 10_000, "bars of the ranked return"),
        Parameter("skip", 21, 0, 1_000, "latest bars left out of it"),
        Parameter("top", 2, 1, 1_000, "symbols held at once"),
        Parameter("hold", 21, 1, 10_000, "bars between reviews"),
    ),
    memory=memory,
    allocate=allocate,
)
