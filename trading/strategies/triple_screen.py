"""Buy dips of the bars in the direction of the tide of slower bars.

Source: A. Elder, Trading for a Living (1993), the triple screen: the slope of a moving average on the longer timeframe
allows only one side, an oscillator on the shorter one finds the setback that is bought (or the rally that is sold);
here the setback is measured by Wilder's RSI, and the position is left when the oscillator is back or the tide turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.indicators import NAN, WILDER_SIZE, rsi_push, sma_push, window_size
from trading.slower import HOUR_US, SLOWER_SIZE, slower_bar, slower_push
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar

# After the oscillator and the slower bars: average, average before, target; then the average's window.
_AVERAGE, _BEFORE, _TARGET = (WILDER_SIZE + SLOWER_SIZE + k for k in range(3))
_WINDOW = WILDER_SIZE + SLOWER_SIZE + 3


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """Oscillator, slower bars, the tide's average now and before, the target, the window of slower closes."""
    return _WINDOW + window_size(int(params[1]))


def decide(state: MutableSequence[float], params: Sequence[float], bar: Bar, position: float) -> float:  # noqa: ARG001
    """Take the tide's side at a setback, and hold until the oscillator has swung back or the tide has turned."""
    length_us, tide = int(params[0]) * HOUR_US, int(params[1])
    rsi = rsi_push(state, 0, int(params[2]), bar.close)
    if slower_push(state, WILDER_SIZE, length_us, bar):
        average = sma_push(state, _WINDOW, tide, slower_bar(state, WILDER_SIZE).close)
        if average == average:  # noqa: PLR0124 - NaN: the window still fills
            state[_BEFORE] = state[_AVERAGE]
            state[_AVERAGE] = average
    if state[_BEFORE] == 0.0 or rsi != rsi:  # noqa: PLR0124 - NaN: too few bars
        return NAN
    side = 1.0 if state[_AVERAGE] > state[_BEFORE] else -1.0 if state[_AVERAGE] < state[_BEFORE] else 0.0
    depth = rsi if side > 0.0 else 100.0 - rsi
    if state[_TARGET] != side or depth > params[4]:
        state[_TARGET] = 0.0
    if side != 0.0 and depth < params[3]:
        state[_TARGET] = side
    return state[_TARGET]


STRATEGY = Strategy(
    name="triple_screen",
    source="Elder (1993)",
    parameters=(
        Parameter("hours", 168, 1, 8_784, "hours in a slower bar (24: a day, 168: a week from Monday)"),
        Parameter("tide", 13, 1, 1_000, "slower bars in the average whose slope is the tide"),
        Parameter("period", 7, 1, 1_000, "bars in the oscillator"),
        Parameter("low", 30, 0, 100, "setback that is bought: the oscillator below this", whole=False),
        Parameter("exit", 65, 0, 100, "the oscillator above this ends the trade", whole=False),
    ),
    memory=memory,
    decide=decide,
    orderings=(("low", "exit"),),
)
