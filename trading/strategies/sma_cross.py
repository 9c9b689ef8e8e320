"""Long while the fast moving average is above the slow one, short while it is below.

Source: W. Brock, J. Lakonishok, B. LeBaron, "Simple Technical Trading Rules and the Stochastic Properties of Stock
Returns", Journal of Finance 47 (1992), variable-length moving average rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.indicators import NAN, sma_push, window_size
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar

EVEN = 1e-12  # averages nearer than this are equal: what is left is the rounding of running sums


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """Both windows, then the averages' last relation and the present target."""
    return window_size(int(params[0])) + window_size(int(params[1])) + 2


def decide(state: MutableSequence[float], params: Sequence[float], bar: Bar, position: float) -> float:  # noqa: ARG001
    """Turn at each crossing: a first crossing is needed before the first trade."""
    fast, slow = int(params[0]), int(params[1])
    slow_at = window_size(fast)
    side_at = slow_at + window_size(slow)
    quick = sma_push(state, 0, fast, bar.close)
    lazy = sma_push(state, slow_at, slow, bar.close)
    if lazy != lazy:  # noqa: PLR0124 - NaN: the slow window still fills
        return NAN
    apart = quick - lazy
    side = 0.0 if abs(apart) <= EVEN * lazy else 1.0 if apart > 0.0 else -1.0
    before = state[side_at]
    if side != 0.0:
        if before == -side:
            state[side_at + 1] = side
        state[side_at] = side
    return state[side_at + 1]


STRATEGY = Strategy(
    name="sma_cross",
    source="Brock, Lakonishok, LeBaron (1992)",
    parameters=(
        Parameter("fast", 10, 1, 5_000, "bars in the fast average"),
        Parameter("slow", 30, 2, 10_000, "bars in the slow average"),
    ),
    orderings=(("fast", "slow"),),
    memory=memory,
    decide=decide,
)
