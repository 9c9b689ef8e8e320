"""Buy a new high of the entry channel, leave at a new low of the exit channel; the mirror image short.

Source: the Turtle rules after R. Donchian, as told by C. Faith, Way of the Turtle (2007), system 1 (20 and 10 days)
without pyramiding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.indicators import NAN, window_full, window_max, window_min, window_push, window_size
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """Highs and lows of both channels, then the present target."""
    return 2 * window_size(int(params[0])) + 2 * window_size(int(params[1])) + 1


def decide(state: MutableSequence[float], params: Sequence[float], bar: Bar, position: float) -> float:  # noqa: ARG001
    """Compare the close with the channels of the bars before this one, then let this bar in."""
    entry, leave = int(params[0]), int(params[1])
    entry_low = window_size(entry)
    leave_high = entry_low + window_size(entry)
    leave_low = leave_high + window_size(leave)
    target_at = leave_low + window_size(leave)
    ready = window_full(state, 0, entry) and window_full(state, leave_high, leave)
    if ready:
        target = state[target_at]
        if (target > 0.0 and bar.close < window_min(state, leave_low)) or (
            target < 0.0 and bar.close > window_max(state, leave_high)
        ):
            target = 0.0
        if bar.close > window_max(state, 0):
            target = 1.0
        elif bar.close < window_min(state, entry_low):
            target = -1.0
        state[target_at] = target
    window_push(state, 0, entry, bar.high)
    window_push(state, entry_low, entry, bar.low)
    window_push(state, leave_high, leave, bar.high)
    window_push(state, leave_low, leave, bar.low)
    return state[target_at] if ready else NAN


STRATEGY = Strategy(
    name="donchian_breakout",
    source="Donchian; Faith (2007)",
    parameters=(
        Parameter("entry", 20, 2, 1_000, "bars in the entry channel"),
        Parameter("exit", 10, 1, 1_000, "bars in the exit channel"),
    ),
    orderings=(("exit", "entry"),),
    memory=memory,
    decide=decide,
)
