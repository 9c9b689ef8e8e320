"""What the page shows beyond a result's own document: rolling and monthly figures, words for the verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pi5_pipelines.analysis import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.result import BacktestResult

ROLLING_BARS = 126
HALF_INTENSITY_PCT = 8.0  # a month's return at which its cell has half its colour


def rolling_sharpe(equity: NDArray[np.float64], bars: int, periods: float) -> NDArray[np.float64]:
    """Sharpe ratio of the last `bars` returns at every bar, shape (T,), NaN while there are fewer or none vary."""
    import numpy as np

    series = metrics.returns(equity)
    out = np.full(equity.size, np.nan)
    if equity.size <= bars:
        return out
    windows = np.lib.stride_tricks.sliding_window_view(series[1:], bars)
    deviation = windows.std(axis=1, ddof=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = windows.mean(axis=1) / deviation * math.sqrt(periods)
    out[bars:] = np.where(deviation > 0.0, ratio, np.nan)
    return out


@dataclass(frozen=True, slots=True)
class Year:
    """A row of the monthly table: twelve returns in percent (None: no bars) and the year's own."""

    year: int
    months: tuple[float | None, ...]
    total: float


def monthly_returns(ts_us: NDArray[np.int64], equity: NDArray[np.float64], cash: float) -> list[Year]:
    """Returns by calendar month in UTC, from the starting cash on; compounded they give the whole return."""
    month_ends: dict[tuple[int, int], float] = {}
    for moment, value in zip(ts_us.tolist(), equity.tolist(), strict=True):
        when = datetime.fromtimestamp(moment / 1e6, tz=UTC)
        month_ends[when.year, when.month] = value
    before, year_start = cash, cash
    years: list[Year] = []
    for year in sorted({key[0] for key in month_ends}):
        months: list[float | None] = []
        for month in range(1, 13):
            end = month_ends.get((year, month))
            months.append(None if end is None else _percent(end, before))
            before = before if end is None else end
        years.append(Year(year, tuple(months), _percent(before, year_start)))
        year_start = before
    return years


def _percent(value: float, before: float) -> float:
    """The return from one equity to the next; of a ruined account that stands at nothing it is none."""
    return (value / before - 1.0) * 100.0 if before else 0.0


def intensity(percent: float) -> float:
    """How strongly a month is coloured, from 0 to 1."""
    size = abs(percent)
    return round(size / (size + HALF_INTENSITY_PCT), 3)


def verdict(results: Sequence[BacktestResult], skipped: Sequence[Mapping[str, str]]) -> str:
    """The night in one plain paragraph."""
    rivals = [one.document for one in results if one.document["strategy"] != "buy_and_hold"]
    better = [one for one in rivals if one["return_pct"] > one["buy_and_hold_pct"]]
    steadier = [one for one in rivals if (one["sharpe"] or 0.0) > 1.0]
    words = [f"{len(better)} of {len(rivals)} strategy runs earned more than buying and holding, after costs;"]
    words.append(f"{len(steadier)} had a Sharpe ratio above 1.")
    ruined = [f"{one['strategy']} on {', '.join(one['symbols'])}" for one in rivals if one["ruined"]]
    if ruined:
        words.append(f"Ruined: {'; '.join(ruined)}.")
    if skipped:
        names = "; ".join(f"{one['symbol']} ({one['reason']})" for one in skipped)
        words.append(f"Left out: {names}.")
    else:
        words.append("All symbols passed their data checks.")
    words.append("A backtest shows how rules would have done on past prices; it is no evidence of gains to come.")
    return " ".join(words)
