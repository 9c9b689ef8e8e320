"""The main figures of an equity curve.

Returns are simple returns of the equity curve, one a bar, the first of them undefined (NaN), as in empyrical
(Quantopian's open-source library of performance statistics), whose definitions are followed: standard deviations
with ddof 1, annualised by the timeframe's bars a year.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pi5_pipelines.analysis import distribution, drawdowns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAYS_PER_YEAR: Final = 365.25


def returns(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Simple returns, shape (T,), the first NaN."""
    import numpy as np

    out = np.full(equity.size, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[1:] = equity[1:] / equity[:-1] - 1.0
    return out


def annual_return(series: NDArray[np.float64], periods: float) -> float:
    """Compound growth a year of a series of returns; NaN for an empty one (empyrical.annual_return)."""
    import numpy as np

    if series.size == 0:
        return math.nan
    growth = float(np.prod(1.0 + np.nan_to_num(series, nan=0.0)))
    return growth ** (periods / series.size) - 1.0 if growth > 0.0 else -1.0


def volatility(series: NDArray[np.float64], periods: float) -> float:
    """Annualised standard deviation of returns, ddof 1 (empyrical.annual_volatility)."""
    import numpy as np

    known = series[~np.isnan(series)]
    return float(np.std(known, ddof=1)) * math.sqrt(periods) if known.size > 1 else math.nan


def sharpe(series: NDArray[np.float64], periods: float) -> float:
    """Mean over standard deviation, annualised (empyrical.sharpe_ratio; W. F. Sharpe, 1994)."""
    import numpy as np

    known = series[~np.isnan(series)]
    if known.size < 2:  # noqa: PLR2004 - one return has no deviation
        return math.nan
    deviation = float(np.std(known, ddof=1))
    return float(np.mean(known)) / deviation * math.sqrt(periods) if deviation > 0.0 else math.nan


def sortino(series: NDArray[np.float64], periods: float) -> float:
    """Mean over downside deviation, annualised (empyrical.sortino_ratio; F. Sortino, 1994)."""
    import numpy as np

    known = series[~np.isnan(series)]
    if known.size < 2:  # noqa: PLR2004 - as for sharpe
        return math.nan
    downside = math.sqrt(float(np.mean(np.square(np.minimum(known, 0.0))))) * math.sqrt(periods)
    return float(np.mean(known)) * periods / downside if downside > 0.0 else math.nan


def drawdown(equity: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far equity lies below its highest value so far, as a fraction of 0 or less, shape (T,)."""
    import numpy as np

    return equity / np.maximum.accumulate(equity) - 1.0


def max_drawdown(equity: NDArray[np.float64]) -> float:
    """The deepest drawdown as a fraction of 0 or less (empyrical.max_drawdown)."""
    return float(drawdown(equity).min()) if equity.size else math.nan


def calmar(series: NDArray[np.float64], deepest: float, periods: float) -> float:
    """Annual return over the deepest drawdown (empyrical.calmar_ratio; T. Young, 1991)."""
    return annual_return(series, periods) / abs(deepest) if deepest < 0.0 else math.nan


def curve_metrics(equity: NDArray[np.float64], cash: float, periods: float) -> dict[str, float]:
    """The figures that need the equity curve alone; percentages where the name says `_pct`."""
    series = returns(equity)
    deepest = max_drawdown(equity)
    return {
        "equity_final": float(equity[-1]),
        "return_pct": (float(equity[-1]) / cash - 1.0) * 100.0,
        "annual_return_pct": annual_return(series, periods) * 100.0,
        "volatility_pct": volatility(series, periods) * 100.0,
        "sharpe": sharpe(series, periods),
        "sortino": sortino(series, periods),
        "calmar": calmar(series, deepest, periods),
        "max_drawdown_pct": deepest * 100.0,
    }


def curve_details(
    series: NDArray[np.float64], equity: NDArray[np.float64], ts_us: NDArray[np.int64], cash: float, periods: float
) -> dict[str, float]:
    """What else the curve tells: the shape of its returns (shape (T,), the first NaN) and its span of time."""
    import numpy as np

    known = series[np.isfinite(series)]
    days = float(ts_us[-1] - ts_us[0]) / drawdowns.DAY_US
    growth = float(equity[-1]) / cash
    years = days / DAYS_PER_YEAR
    return {
        "duration_days": days,
        "equity_peak": float(equity.max()),
        "cagr_pct": (growth ** (1.0 / years) - 1.0) * 100.0 if years > 0.0 and growth > 0.0 else math.nan,
        "downside_risk_pct": distribution.downside_risk(known, periods) * 100.0,
        "value_at_risk_pct": distribution.value_at_risk(known) * 100.0,
        "conditional_value_at_risk_pct": distribution.conditional_value_at_risk(known) * 100.0,
        "skew": distribution.skew(known),
        "kurtosis": distribution.kurtosis(known),
        "tail_ratio": distribution.tail_ratio(known),
        "omega": distribution.omega(known),
        "stability": distribution.stability(known),
        **drawdowns.drawdown_metrics(equity, drawdown(equity), ts_us, cash),
    }
