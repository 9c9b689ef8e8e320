"""Buy what fell too fast within an uptrend, sell it when it has recovered.

Source: L. Connors, C. Alvarez, Short Term Trading Strategies That Work (2009): RSI(2) below 10 above the 200-day
average, sold when RSI passes the exit level; the mirror image short.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.indicators import NAN, WILDER_SIZE, rsi_push, sma_push, window_size
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """The RSI, the trend's window, and the present target."""
    return WILDER_SIZE + window_size(int(params[3])) + 1


def decide(state: MutableSequence[float], params: Sequence[float], bar: Bar, position: float) -> float:  # noqa: ARG001
    """Enter on an extreme in the trend's direction, leave once the RSI has come back to the exit level."""
    period, low, exit_level, trend = int(params[0]), params[1], params[2], int(params[3])
    target_at = WILDER_SIZE + window_size(trend)
    rsi = rsi_push(state, 0, period, bar.close)
    average = sma_push(state, WILDER_SIZE, trend, bar.close)
    if rsi != rsi or average != average:  # noqa: PLR0124 - NaN: not enough bars yet
        return NAN
    target = state[target_at]
    if (target > 0.0 and rsi >= exit_level) or (target < 0.0 and rsi <= 100.0 - exit_level):
        target = 0.0
    if bar.close > average and rsi <= low:
        target = 1.0
    elif bar.close < average and rsi >= 100.0 - low:
        target = -1.0
    state[target_at] = target
    return target


STRATEGY = Strategy(
    name="rsi_mean_reversion",
    source="Connors, Alvarez (2009)",
    parameters=(
        Parameter("period", 2, 2, 1_000, "changes in the RSI"),
        Parameter("low", 10, 0, 50, "RSI at or below which it is oversold", whole=False),
        Parameter("exit", 65, 50, 100, "RSI at or above which a long is closed", whole=False),
        Parameter("trend", 200, 2, 10_000, "bars in the trend's moving average"),
    ),
    memory=memory,
    decide=decide,
)
