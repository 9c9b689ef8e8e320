"""Hold the sign of the past return, sized so that the position's volatility meets a target.

Source: T. Moskowitz, Y. H. Ooi, L. H. Pedersen, "Time Series Momentum", Journal of Financial Economics 104 (2012);
exposure is capped at all of the equity, and reviewed every `hold` bars.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.indicators import NAN, window_full, window_push, window_size, window_std
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """Closes over the lookback, returns over the volatility window, previous close, bars since review, target."""
    return window_size(int(params[0])) + window_size(int(params[1])) + 3


def decide(state: MutableSequence[float], params: Sequence[float], bar: Bar, position: float) -> float:  # noqa: ARG001
    """Every `hold` bars: target = sign(return over the lookback) x min(1, target volatility / measured volatility)."""
    lookback, vol_bars, goal, hold, per_year = int(params[0]), int(params[1]), params[2], int(params[3]), params[4]
    returns_at = window_size(lookback)
    before_at = returns_at + window_size(vol_bars)
    before = state[before_at]
    if before > 0.0:
        window_push(state, returns_at, vol_bars, bar.close / before - 1.0)
    state[before_at] = bar.close
    past = window_push(state, 0, lookback, bar.close)
    if past != past or not window_full(state, returns_at, vol_bars):  # noqa: PLR0124 - NaN: the window still fills
        return NAN
    if state[before_at + 1] == 0.0:
        volatility = window_std(state, returns_at, vol_bars) * math.sqrt(per_year)
        size = min(1.0, goal / volatility) if volatility > 0.0 else 1.0
        state[before_at + 2] = size if bar.close > past else -size if bar.close < past else 0.0
    state[before_at + 1] = state[before_at + 1] + 1.0 if state[before_at + 1] + 1.0 < hold else 0.0
    return state[before_at + 2]


STRATEGY = Strategy(
    name="momentum_vol_target",
    source="Moskowitz, Ooi, Pedersen (2012)",
    parameters=(
        Parameter("lookback", 252, 2, 10_000, "bars of the past return"),
        Parameter("vol_bars", 63, 2, 10_000, "bars in the volatility"),
        Parameter("target_vol", 0.2, 0.001, 10, "volatility a year to aim at", whole=False),
        Parameter("hold", 21, 1, 10_000, "bars between reviews"),
        Parameter("per_year", 252, 1, 1_000_000, "bars in a year"),
    ),
    memory=memory,
    decide=decide,
)
