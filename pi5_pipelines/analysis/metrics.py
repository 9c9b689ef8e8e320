"""Every figure of a result, defined once.

Returns are simple returns of the equity curve, one a bar, the first of them undefined (NaN), as in empyrical
(Quantopian's open-source library of performance statistics), whose definitions are followed: standard deviations
with ddof 1, annualised by the timeframe's bars a year.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFINITIONS: Final[dict[str, str]] = {
    "return_pct": "last equity / starting cash - 1",
    "buy_and_hold_pct": "last close / first close - 1, costs left out; the mean over symbols when there are several",
    "annual_return_pct": "compound growth of the equity curve per year of periods_per_year bars",
    "volatility_pct": "standard deviation (ddof 1) of returns x sqrt(periods_per_year)",
    "sharpe": "mean return / standard deviation (ddof 1) x sqrt(periods_per_year); no risk-free rate",
    "sortino": "mean return x periods_per_year / (root mean square of negative returns x sqrt(periods_per_year))",
    "calmar": "annual return / largest drawdown",
    "max_drawdown_pct": "largest fall of equity below its highest value so far",
    "trades": "round trips from flat to flat, or to the other side; an open one counts",
    "win_rate_pct": "share of trades with a profit after fees",
    "profit_factor": "sum of the winning trades' returns / sum of the losing trades' returns",
    "best_trade_pct": "largest return of a trade",
    "worst_trade_pct": "smallest return of a trade",
    "avg_trade_pct": "mean return of a trade",
    "exposure_pct": "share of bars that close with a position",
    "turnover": "value traded / mean equity",
    "fees_paid": "fees in money",
    "slippage_paid": "money lost between each bar's price and the fill",
}


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


def trade_metrics(trade_returns: NDArray[np.float64], pnl: NDArray[np.float64]) -> dict[str, float]:
    """The figures that need the trades: their returns as fractions and their profits in money."""
    if trade_returns.size == 0:
        return dict.fromkeys(
            ("win_rate_pct", "profit_factor", "best_trade_pct", "worst_trade_pct", "avg_trade_pct"), math.nan
        )
    won = float(trade_returns[trade_returns > 0.0].sum())
    lost = -float(trade_returns[trade_returns < 0.0].sum())
    return {
        "win_rate_pct": float((pnl > 0.0).mean()) * 100.0,
        "profit_factor": won / lost if lost > 0.0 else math.nan,
        "best_trade_pct": float(trade_returns.max()) * 100.0,
        "worst_trade_pct": float(trade_returns.min()) * 100.0,
        "avg_trade_pct": float(trade_returns.mean()) * 100.0,
    }
