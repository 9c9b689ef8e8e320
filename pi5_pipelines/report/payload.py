"""The numbers behind the charts of a page, each array once and as few bytes as its picture needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.analysis.benchmark import holding
from pi5_pipelines.analysis.metrics import drawdown
from pi5_pipelines.report import charts
from pi5_pipelines.report.figures import ROLLING_BARS, rolling_sharpe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult


def payload(
    results: Sequence[BacktestResult],
    bars: Mapping[str, Bars],
    excursions: Mapping[str, pl.DataFrame],
    benchmark: Bars | None = None,
) -> dict[str, Any]:
    """Every time axis, benchmark and symbol's prices once; `excursions` are those of each result's trades, by its id.

    With a `benchmark`, results carry the curve of holding it instead, too.
    """
    axes: dict[str, str] = {}
    curves: dict[str, str] = {}
    drawn = {}
    for result in results:
        other = None if benchmark is None else holding(benchmark, result.ts_us, result.document["cash"])
        drawn[result.result_id] = {
            "axis": axes.setdefault(charts.seconds(result.ts_us), str(len(axes))),
            "benchmark": curves.setdefault(charts.float32(result.benchmark), str(len(curves))),
            "other": None if other is None else curves.setdefault(charts.float32(other), str(len(curves))),
            **_curves(result),
            "marks": _marks(result),
            "trips": _trips(result.trades, excursions[result.result_id]),
        }
    return {
        "axes": {key: axis for axis, key in axes.items()},
        "benchmarks": {key: curve for curve, key in curves.items()},
        "results": drawn,
        "prices": {symbol: _prices(one) for symbol, one in sorted(bars.items())},
    }


def _curves(result: BacktestResult) -> dict[str, str]:
    rolling = rolling_sharpe(result.equity, ROLLING_BARS, result.document["periods_per_year"])
    return {
        "equity": charts.float32(result.equity),
        "drawdown": charts.hundredths(drawdown(result.equity) * 100.0),
        "rolling": charts.hundredths(rolling),
        "exposure": charts.hundredths(result.exposure),
    }


def _marks(result: BacktestResult) -> dict[str, list[list[Any]]]:
    """Fills by symbol: seconds, side, quantity, price."""
    marks: dict[str, list[list[Any]]] = {symbol: [] for symbol in result.document["symbols"]}
    for one in result.fills.iter_rows(named=True):
        when = int(one["ts"].timestamp())
        marks[one["symbol"]].append([when, one["side"], round(one["quantity"], 6), round(one["price"], 6)])
    return marks


def _trips(trades: pl.DataFrame, excursions: pl.DataFrame) -> dict[str, str]:
    """Each trade's return and excursions in percent."""
    columns = {"result": trades["return_pct"], "mae": excursions["mae_pct"], "mfe": excursions["mfe_pct"]}
    return {name: charts.float32(column.to_numpy()) for name, column in columns.items()}


def _prices(bars: Bars) -> dict[str, str]:
    columns = {name: charts.float32(getattr(bars, name)) for name in ("open", "high", "low", "close", "volume")}
    return {"axis": charts.seconds(bars.ts_us), **columns}
