"""The figures of round trips: how often they win, how much, how long they last, and how they follow each other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

FEWEST: Final = 2
RETURN_NAMES: Final = (
    "win_rate_pct",
    "profit_factor",
    "best_trade_pct",
    "worst_trade_pct",
    "avg_trade_pct",
    "geometric_avg_trade_pct",
    "avg_winning_trade_pct",
    "avg_losing_trade_pct",
    "payoff_ratio",
    "expectancy",
    "sqn",
    "kelly_criterion",
)
TIME_NAMES: Final = (
    "avg_trade_bars",
    "max_trade_bars",
    "avg_trade_days",
    "max_trade_days",
    "avg_winning_trade_days",
    "avg_losing_trade_days",
)


@dataclass(frozen=True, slots=True)
class Trips:
    """Round trips by column, in order of entry, shape (N,) each: `returns` are fractions, `pnl` is money after fees."""

    returns: NDArray[np.float64]
    pnl: NDArray[np.float64]
    bars: NDArray[np.int64]
    days: NDArray[np.float64]
    closed: NDArray[np.bool_]


def trips(trades: pl.DataFrame) -> Trips:
    """The columns of a result's table of trades."""
    import numpy as np

    from pi5_pipelines.analysis.drawdowns import DAY_US

    held = (trades["exit_ts"] - trades["entry_ts"]).dt.total_microseconds().to_numpy()
    return Trips(
        returns=trades["return_pct"].to_numpy() / 100.0,
        pnl=trades["pnl"].to_numpy(),
        bars=trades["bars_held"].to_numpy(),
        days=held / DAY_US,
        closed=trades["closed"].to_numpy().astype(np.bool_),
    )


def trade_metrics(trade_returns: NDArray[np.float64], pnl: NDArray[np.float64]) -> dict[str, float]:
    """The figures that need only the trades' returns as fractions and their profits in money, shape (N,) each."""
    if trade_returns.size == 0:
        return dict.fromkeys(RETURN_NAMES, math.nan)
    won = float(trade_returns[trade_returns > 0.0].sum())
    lost = -float(trade_returns[trade_returns < 0.0].sum())
    winners, losers = trade_returns[pnl > 0.0], trade_returns[pnl < 0.0]
    avg_win, avg_loss = mean(winners), mean(losers)
    return {
        "win_rate_pct": winners.size / pnl.size * 100.0,
        "profit_factor": won / lost if lost > 0.0 else math.nan,
        "best_trade_pct": float(trade_returns.max()) * 100.0,
        "worst_trade_pct": float(trade_returns.min()) * 100.0,
        "avg_trade_pct": float(trade_returns.mean()) * 100.0,
        "geometric_avg_trade_pct": geometric_mean(trade_returns) * 100.0,
        "avg_winning_trade_pct": avg_win * 100.0,
        "avg_losing_trade_pct": avg_loss * 100.0,
        "payoff_ratio": avg_win / -avg_loss if avg_loss < 0.0 else math.nan,
        "expectancy": float(pnl.mean()),
        "sqn": sqn(pnl),
        "kelly_criterion": kelly(pnl),
    }


def geometric_mean(trade_returns: NDArray[np.float64]) -> float:
    """The return that compounds to the same result; NaN where a trade lost everything or more."""
    import numpy as np

    if float(trade_returns.min()) <= -1.0:
        return math.nan
    return math.expm1(float(np.log1p(trade_returns).mean()))


def sqn(pnl: NDArray[np.float64]) -> float:
    """System Quality Number (V. Tharp, 2008): sqrt(N) x mean / standard deviation (ddof 1) of profits."""
    import numpy as np

    deviation = float(np.std(pnl, ddof=1)) if pnl.size >= FEWEST else 0.0
    return math.sqrt(pnl.size) * float(pnl.mean()) / deviation if deviation > 0.0 else math.nan


def kelly(pnl: NDArray[np.float64]) -> float:
    """Win rate - (1 - win rate) / (mean profit / mean loss) (J. Kelly, 1956); NaN without both wins and losses."""
    winners, losers = pnl[pnl > 0.0], pnl[pnl < 0.0]
    if not winners.size or not losers.size:
        return math.nan
    rate = winners.size / pnl.size
    return rate - (1.0 - rate) * -float(losers.mean()) / float(winners.mean())


def holding_metrics(done: Trips) -> dict[str, float]:
    """How long trades were held, in bars and in days."""
    if done.pnl.size == 0:
        return dict.fromkeys(TIME_NAMES, math.nan)
    return {
        "avg_trade_bars": float(done.bars.mean()),
        "max_trade_bars": int(done.bars.max()),
        "avg_trade_days": float(done.days.mean()),
        "max_trade_days": float(done.days.max()),
        "avg_winning_trade_days": mean(done.days[done.pnl > 0.0]),
        "avg_losing_trade_days": mean(done.days[done.pnl < 0.0]),
    }


def count_metrics(done: Trips) -> dict[str, float]:
    """How many trades there were, what the open ones stand at, and the longest streaks."""
    return {
        "trades": int(done.pnl.size),
        "closed_trades": int(done.closed.sum()),
        "open_trades": int((~done.closed).sum()),
        "open_trade_pnl": float(done.pnl[~done.closed].sum()),
        "longest_winning_streak": longest_streak(done.pnl > 0.0),
        "longest_losing_streak": longest_streak(done.pnl < 0.0),
    }


def longest_streak(hits: NDArray[np.bool_]) -> int:
    """Most trues in a row."""
    import numpy as np

    gaps = np.flatnonzero(np.concatenate([[True], ~hits, [True]]))
    return int(np.diff(gaps).max()) - 1


def mean(values: NDArray[np.float64]) -> float:
    """The mean, NaN of nothing."""
    return float(values.mean()) if values.size else math.nan
