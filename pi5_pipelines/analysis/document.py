"""All figures of one result, in one pass over its curves, fills and trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pi5_pipelines.analysis import benchmark, metrics, trades
from pi5_pipelines.analysis.excursions import Timing, excursion_metrics, excursions
from pi5_pipelines.analysis.exposure import gross_exposure
from pi5_pipelines.backtest import driver

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars


@dataclass(frozen=True, slots=True)
class Course:
    """What a run did to its account: one value a bar, and the fills (columns as in driver) and trades between.

    `cash` is what it started with, `periods` the bars of a year, `timing` where in a bar it filled.
    """

    ts_us: NDArray[np.int64]
    equity: NDArray[np.float64]
    exposure: NDArray[np.float64]
    benchmark: NDArray[np.float64]
    fills: NDArray[np.float64]
    trades: pl.DataFrame
    cash: float
    periods: float
    timing: Timing


def figures(course: Course, bars: Sequence[Bars]) -> dict[str, Any]:
    """Every figure that `definitions` names, by its name; NaN where it has no meaning."""
    import numpy as np

    equity, fills = course.equity, course.fills
    series = metrics.returns(equity)
    done = trades.trips(course.trades)
    places = fills[:, driver.FILL_BAR].astype(np.int64), fills[:, driver.FILL_SYMBOL].astype(np.int64)
    quantity = fills[:, driver.FILL_QUANTITY]
    traded = float(np.abs(quantity * fills[:, driver.FILL_PRICE]).sum())
    return {
        **metrics.curve_metrics(equity, course.cash, course.periods),
        **metrics.curve_details(series, equity, course.ts_us, course.cash, course.periods),
        **benchmark.benchmark_metrics(series, metrics.returns(course.benchmark), course.periods),
        **trades.trade_metrics(done.returns, done.pnl),
        **trades.count_metrics(done),
        **trades.holding_metrics(done),
        **excursion_metrics(excursions(course.trades, bars, timing=course.timing)),
        "bars": int(course.ts_us.size),
        "periods_per_year": course.periods,
        "buy_and_hold_pct": (float(course.benchmark[-1]) / course.cash - 1.0) * 100.0,
        "exposure_pct": float((course.exposure != 0.0).mean()) * 100.0,
        "max_gross_exposure_pct": float(gross_exposure(bars, course.ts_us, equity, (*places, quantity)).max()) * 100.0,
        "turnover": traded / float(equity.mean()),
        "fees_paid": float(fills[:, driver.FILL_FEE].sum()),
        "slippage_paid": float(fills[:, driver.FILL_SLIPPAGE].sum()),
    }
