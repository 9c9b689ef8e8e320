"""The shape of returns: tails, moments, and how straight the curve rises.

Every function takes simple returns without NaN, shape (N,), and answers NaN where the figure has no meaning.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TAIL: Final = 0.05
NORMAL_KURTOSIS: Final = 3.0
FEWEST: Final = 2  # returns that make a deviation or a line
ROUNDING: Final = 1e-14  # a spread below this is nothing but rounding


def downside_risk(series: NDArray[np.float64], periods: float) -> float:
    """Root mean square of returns with gains set to zero, annualised (empyrical.downside_risk)."""
    import numpy as np

    if series.size == 0:
        return math.nan
    return math.sqrt(float(np.mean(np.square(np.minimum(series, 0.0)))) * periods)


def value_at_risk(series: NDArray[np.float64], tail: float = TAIL) -> float:
    """The `tail` quantile of returns (empyrical.value_at_risk)."""
    import numpy as np

    return float(np.quantile(series, tail)) if series.size else math.nan


def conditional_value_at_risk(series: NDArray[np.float64], tail: float = TAIL) -> float:
    """The mean of the lowest returns up to the `tail` quantile (empyrical.conditional_value_at_risk)."""
    import numpy as np

    if series.size == 0:
        return math.nan
    last = int((series.size - 1) * tail)
    return float(np.partition(series, last)[: last + 1].mean())


def omega(series: NDArray[np.float64]) -> float:
    """Sum of gains over sum of losses (empyrical.omega_ratio; C. Keating, W. Shadwick, 2002, threshold 0)."""
    lost = -float(series[series < 0.0].sum())
    return float(series[series > 0.0].sum()) / lost if series.size >= FEWEST and lost > 0.0 else math.nan


def tail_ratio(series: NDArray[np.float64]) -> float:
    """Size of the upper `TAIL` quantile over the lower one (empyrical.tail_ratio)."""
    import numpy as np

    if series.size == 0:
        return math.nan
    low, high = np.abs(np.quantile(series, [TAIL, 1.0 - TAIL])).tolist()
    return float(high / low) if low > 0.0 else math.nan


def skew(series: NDArray[np.float64]) -> float:
    """Third standardised moment, biased (scipy.stats.skew)."""
    return _moment(series, 3)


def kurtosis(series: NDArray[np.float64]) -> float:
    """Fourth standardised moment less that of the normal distribution, biased (scipy.stats.kurtosis)."""
    return _moment(series, 4) - NORMAL_KURTOSIS


def _moment(series: NDArray[np.float64], power: int) -> float:
    import numpy as np

    if series.size < FEWEST:
        return math.nan
    apart = series - series.mean()
    squares = np.square(apart)
    variance = float(squares.mean())
    if variance <= ROUNDING**2:
        return math.nan
    rest = squares * apart if power == 3 else np.square(squares)  # noqa: PLR2004 - the third moment, or the fourth
    return float(rest.mean()) / math.pow(variance, power / 2)


def stability(series: NDArray[np.float64]) -> float:
    """R squared of a line through the cumulative logarithmic returns (empyrical.stability_of_timeseries).

    NaN for an account that lost everything, and where nothing moves.
    """
    import numpy as np

    if series.size < FEWEST or float(series.min()) <= -1.0:
        return math.nan
    curve = np.log1p(series).cumsum()
    height = curve - curve.mean()
    time = np.arange(curve.size) - (curve.size - 1) / 2.0
    spread = float(np.dot(height, height))
    if spread <= ROUNDING**2:
        return math.nan
    return float(np.dot(time, height)) ** 2 / (spread * float(np.dot(time, time)))
