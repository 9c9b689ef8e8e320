"""A curve against another: what of it is the market's, and what is its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pi5_pipelines.analysis.metrics import annual_return

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars

FEWEST: Final = 2
ROUNDING: Final = 1e-12  # a deviation of returns below this is nothing but rounding
NAMES: Final = (
    "beta",
    "alpha_pct",
    "correlation",
    "tracking_error_pct",
    "information_ratio",
    "up_capture_pct",
    "down_capture_pct",
    "batting_average_pct",
)


def holding(bars: Bars, ts_us: NDArray[np.int64], cash: float) -> NDArray[np.float64]:
    """Equity of putting the cash into a symbol at its first close at or after `ts_us[0]`, shape of `ts_us`.

    Before that bar it is the cash; at moments without a bar the last close counts.
    """
    import numpy as np

    start = int(np.searchsorted(bars.ts_us, ts_us[0]))
    if start == len(bars):
        return np.full(ts_us.size, cash)
    last = np.searchsorted(bars.ts_us, ts_us, side="right") - 1
    return cash * np.where(last < start, 1.0, bars.close[np.maximum(last, 0)] / bars.close[start])


def benchmark_metrics(series: NDArray[np.float64], benchmark: NDArray[np.float64], periods: float) -> dict[str, float]:
    """The figures of returns against a benchmark's of the same bars, shape (T,) each; pairs with a NaN do not count.

    All are NaN with fewer than two pairs; beta, alpha and correlation where the benchmark does not move.
    """
    import numpy as np

    known = np.isfinite(series) & np.isfinite(benchmark)
    own, market = series[known], benchmark[known]
    if own.size < FEWEST:
        return dict.fromkeys(NAMES, math.nan)
    active = own - market
    deviation = float(np.std(active, ddof=1))
    ratio = float(active.mean()) / deviation * math.sqrt(periods) if deviation > ROUNDING else math.nan
    return {
        **_line(own, market, periods),
        "tracking_error_pct": deviation * math.sqrt(periods) * 100.0,
        "information_ratio": ratio,
        "up_capture_pct": _capture(own, market, market > 0.0, periods),
        "down_capture_pct": _capture(own, market, market < 0.0, periods),
        "batting_average_pct": float((active > 0.0).mean()) * 100.0,
    }


def _line(own: NDArray[np.float64], market: NDArray[np.float64], periods: float) -> dict[str, float]:
    """The regression of own returns on the market's (empyrical.alpha_beta)."""
    import numpy as np

    apart, moved = own - own.mean(), market - market.mean()
    variance, own_variance = float(np.dot(moved, moved)), float(np.dot(apart, apart))
    if variance <= ROUNDING**2 * own.size:
        return {"beta": math.nan, "alpha_pct": math.nan, "correlation": math.nan}
    together = float(np.dot(apart, moved))
    beta = together / variance
    beyond = 1.0 + float(own.mean()) - beta * float(market.mean())
    still = own_variance <= ROUNDING**2 * own.size
    return {
        "beta": beta,
        "alpha_pct": _compounded(beyond, periods),
        "correlation": math.nan if still else together / math.sqrt(variance * own_variance),
    }


def _compounded(growth: float, periods: float) -> float:
    """A bar's growth over a year, in percent; infinite where no number holds it."""
    if growth <= 0.0:
        return -100.0
    try:
        return float((growth**periods - 1.0) * 100.0)
    except OverflowError:
        return math.inf


def _capture(own: NDArray[np.float64], market: NDArray[np.float64], chosen: NDArray[np.bool_], periods: float) -> float:
    """Annual return over the chosen bars as a percentage of the market's (empyrical.up_capture and down_capture)."""
    theirs = annual_return(market[chosen], periods)
    return annual_return(own[chosen], periods) / theirs * 100.0 if theirs else math.nan  # NaN stays NaN
