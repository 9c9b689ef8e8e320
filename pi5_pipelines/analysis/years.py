"""A result year by year, and the daily returns of many results side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pi5_pipelines.analysis import metrics
from pi5_pipelines.analysis.drawdowns import DAY_US

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


FEWEST: Final = 3  # days in common that make a correlation
ROUNDING: Final = 1e-24  # a variance below this is nothing but rounding


@dataclass(frozen=True, slots=True)
class YearRow:
    """One calendar year (UTC); figures in percent where the name says so, NaN where they have no meaning."""

    year: int
    return_pct: float
    benchmark_pct: float
    volatility_pct: float
    sharpe: float
    max_drawdown_pct: float
    trades: int
    win_rate_pct: float


def by_year(
    ts_us: NDArray[np.int64],
    equity: NDArray[np.float64],
    benchmark: NDArray[np.float64],
    trades: pl.DataFrame,
    cash: float,
    periods: float,
) -> list[YearRow]:
    """A row for each year with bars; a year starts from the close before it, the first one from the cash.

    Trades count in the year of their exit, open ones in the last. The drawdown is that within the year.
    """
    import numpy as np
    import polars as pl

    year_of = ts_us.astype("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    years, first = np.unique(year_of, return_index=True)
    exit_us, won = trades["exit_ts"].cast(pl.Int64).to_numpy(), trades["pnl"].to_numpy() > 0.0
    past = np.append(first[1:], ts_us.size)
    rows = []
    for year, start, end in zip(years.tolist(), first.tolist(), past.tolist(), strict=True):
        own, theirs = (np.append(one[start - 1] if start else cash, one[start:end]) for one in (equity, benchmark))
        steps = metrics.returns(own)
        mine = won[(exit_us >= ts_us[start]) & (exit_us <= ts_us[end - 1])]
        rows.append(
            YearRow(
                year=year,
                return_pct=float(own[-1] / own[0] - 1.0) * 100.0 if own[0] > 0.0 else 0.0,
                benchmark_pct=float(theirs[-1] / theirs[0] - 1.0) * 100.0,
                volatility_pct=metrics.volatility(steps, periods) * 100.0,
                sharpe=metrics.sharpe(steps, periods),
                max_drawdown_pct=metrics.max_drawdown(own) * 100.0 if own[0] > 0.0 else 0.0,
                trades=int(mine.size),
                win_rate_pct=float(mine.mean()) * 100.0 if mine.size else float("nan"),
            )
        )
    return rows


def daily_returns(curves: Sequence[tuple[NDArray[np.int64], NDArray[np.float64]]]) -> NDArray[np.float64]:
    """Returns from each day's last equity to the next's, shape (days, curves), over all days that any curve has.

    `curves` are times in UTC microseconds and equity. NaN on days that a curve lacks, and on its first.
    """
    import numpy as np

    closes = []
    for ts_us, equity in curves:
        days = ts_us // DAY_US
        last = np.flatnonzero(np.append(days[1:] != days[:-1], True))
        closes.append((days[last], equity[last]))
    all_days = np.unique(np.concatenate([days for days, _ in closes])) if closes else np.zeros(0, dtype=np.int64)
    out = np.full((all_days.size, len(closes)), np.nan)
    for column, (days, equity) in enumerate(closes):
        out[np.searchsorted(all_days, days), column] = metrics.returns(equity)
    return out


def correlations(series: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's correlation of every two columns over the rows that both have, shape (columns, columns).

    NaN for columns with fewer than three rows in common or without movement.
    """
    import numpy as np

    known = np.isfinite(series)
    there = known.astype(np.float64)
    value = np.where(known, series - np.sum(series, axis=0, where=known) / np.maximum(known.sum(axis=0), 1), 0.0)
    pairs = there.T @ there
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = value.T @ there / pairs  # of the row's curve, over the days that the column's curve has too
        square = np.square(value).T @ there / pairs - np.square(mean)
        together = value.T @ value / pairs - mean * mean.T
        out = together / np.sqrt(square * square.T)
    moves = square > ROUNDING
    out[(pairs < FEWEST) | ~moves | ~moves.T] = np.nan
    return np.clip(out, -1.0, 1.0)
