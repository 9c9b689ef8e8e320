"""Trades by what they have in common: the weekday, month or hour of their entry, their side, symbol and market."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pi5_pipelines.analysis import regimes

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from pi5_pipelines.analysis.excursions import Timing
    from pi5_pipelines.backtest.bars import Bars

WEEKDAYS: Final = tuple(calendar.day_name)
MONTHS: Final = tuple(calendar.month_name)[1:]
HOURS: Final = tuple(f"{hour:02d}:00" for hour in range(24))
SIDES: Final = ("long", "short")


@dataclass(frozen=True, slots=True)
class Share:
    """The trades of one kind: how many, what part of them won, their mean return, and their profit in money."""

    name: str
    trades: int
    win_rate_pct: float
    avg_trade_pct: float
    pnl: float


@dataclass(frozen=True, slots=True)
class Breakdown:
    """All trades, divided one way; kinds without a trade are left out."""

    title: str
    shares: tuple[Share, ...]


def breakdowns(trades: pl.DataFrame, bars: Sequence[Bars], *, timing: Timing) -> list[Breakdown]:
    """Every division of a result's trades that makes more than one kind; times are UTC.

    Hours are told for bars shorter than a day, symbols where there are several, regimes where the bars go far
    enough back before an entry.
    """
    import polars as pl

    entry = trades["entry_ts"]
    by_symbol = trades["symbol"].unique(maintain_order=True).to_list()
    divisions: list[tuple[str, Sequence[str], NDArray[np.int64]]] = [
        ("Side", SIDES, _codes(trades["side"], SIDES)),
        ("Symbol", by_symbol, _codes(trades["symbol"], by_symbol)),
        ("Weekday of entry", WEEKDAYS, (entry.dt.weekday().cast(pl.Int64) - 1).to_numpy()),
        ("Month of entry", MONTHS, (entry.dt.month().cast(pl.Int64) - 1).to_numpy()),
    ]
    if bars and bars[0].timeframe != "1d":
        divisions.append(("Hour of entry (UTC)", HOURS, entry.dt.hour().cast(pl.Int64).to_numpy()))
    trend, volatility = markets(trades, bars, timing=timing)
    divisions.append(("Trend before entry", regimes.TRENDS, trend))
    divisions.append(("Volatility before entry", regimes.VOLATILITIES, volatility))
    made = [divide(title, names, codes, trades) for title, names, codes in divisions]
    return [one for one in made if len(one.shares) > 1]


def divide(title: str, names: Sequence[str], codes: NDArray[np.int64], trades: pl.DataFrame) -> Breakdown:
    """Trades divided by a code each, an index of `names`; a code below 0 belongs to none."""
    import numpy as np

    known = codes >= 0
    of_trade, size = codes[known], len(names)
    pnl, returns = trades["pnl"].to_numpy()[known], trades["return_pct"].to_numpy()[known]
    count = np.bincount(of_trade, minlength=size)
    money = np.bincount(of_trade, weights=pnl, minlength=size)
    won = np.bincount(of_trade, weights=(pnl > 0.0).astype(np.float64), minlength=size)
    total = np.bincount(of_trade, weights=returns, minlength=size)
    return Breakdown(
        title,
        tuple(
            Share(
                name=names[at],
                trades=int(count[at]),
                win_rate_pct=float(won[at] / count[at]) * 100.0,
                avg_trade_pct=float(total[at] / count[at]),
                pnl=float(money[at]),
            )
            for at in np.flatnonzero(count).tolist()
        ),
    )


def markets(
    trades: pl.DataFrame, bars: Sequence[Bars], *, timing: Timing
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The third of trend and of volatility that each trade was entered in (regimes.thirds), of its own symbol.

    The bar that tells is the last one that was whole before the entry: with fills at the close the entry's own.
    """
    import numpy as np
    import polars as pl

    trend = np.full(trades.height, regimes.UNKNOWN, dtype=np.int64)
    volatility = trend.copy()
    entry_us, symbols = trades["entry_ts"].cast(pl.Int64).to_numpy(), trades["symbol"].to_numpy()
    for one in bars:
        rows = np.flatnonzero(symbols == one.symbol)
        known = np.searchsorted(one.ts_us, entry_us[rows]) - (0 if timing == "close" else 1)
        trend[rows] = regimes.thirds(regimes.trend(one.close), known)
        volatility[rows] = regimes.thirds(regimes.volatility(one.close), known)
    return trend, volatility


def _codes(column: pl.Series, names: Sequence[str]) -> NDArray[np.int64]:
    import numpy as np

    places = {name: at for at, name in enumerate(names)}
    return np.array([places[value] for value in column.to_list()], dtype=np.int64)
