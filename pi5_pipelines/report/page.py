"""One HTML page that needs nothing but itself: results in, the same bytes out for the same results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.report import charts
from pi5_pipelines.report.figures import (
    ROLLING_BARS,
    costs_pct_of_gross,
    intensity,
    monthly_returns,
    rolling_sharpe,
    verdict,
)
from pi5_pipelines.report.rendering import from_template, label, own, script_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult

# Columns of the summary: heading, key in the document, decimals, unit.
SUMMARY = (
    ("Return", "return_pct", 1, "%"),
    ("Buy & hold", "buy_and_hold_pct", 1, "%"),
    ("Annual", "annual_return_pct", 1, "%"),
    ("Sharpe", "sharpe", 2, ""),
    ("Sortino", "sortino", 2, ""),
    ("Max drawdown", "max_drawdown_pct", 1, "%"),
    ("Calmar", "calmar", 2, ""),
    ("Trades", "trades", 0, ""),
    ("Win rate", "win_rate_pct", 0, "%"),
    ("Profit factor", "profit_factor", 2, ""),
    ("Exposure", "exposure_pct", 0, "%"),
    ("Fees", "fees_paid", 0, ""),
)
TILES = (
    ("Final equity", "equity_final", 2, ""),
    *SUMMARY[:7],
    ("Volatility", "volatility_pct", 1, "%"),
    *SUMMARY[7:11],
    ("Best trade", "best_trade_pct", 1, "%"),
    ("Worst trade", "worst_trade_pct", 1, "%"),
)
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def render(
    results: Sequence[BacktestResult],
    bars: Mapping[str, Bars],
    verdicts: pl.DataFrame,
    skipped: Sequence[Mapping[str, str]],
    *,
    title: str,
    data_as_of: str,
) -> str:
    """The page for some results, the bars they ran on, the verdicts on all data, and what was left out and why."""
    return from_template(
        "template.html",
        {"intensity": intensity},
        title=title,
        data_as_of=data_as_of,
        verdict=verdict(results, skipped),
        summary=SUMMARY,
        tiles=TILES,
        months=MONTHS,
        results=[_shown(one) for one in results],
        verdicts=_verdict_rows(verdicts),
        skipped=skipped,
        definitions=results[0].document["metric_definitions"] if results else {},
        payload=script_json(payload(results, bars)),
        styles=charts.uplot_css() + own("page.css"),
        scripts=[charts.uplot_js(), charts.candles_js(), own("table.js"), own("page.js")],
        licences=[(name, own(f"licenses/{name}.txt")) for name in ("uPlot", "lightweight-charts")],
        rolling_bars=ROLLING_BARS,
    )


def _shown(result: BacktestResult) -> dict[str, Any]:
    """What the template needs of one result."""
    document = result.document
    return {
        "id": result.result_id,
        "label": label(document),
        "doc": document,
        "params": ", ".join(f"{name} {value:g}" for name, value in document["params"].items()),
        "years": monthly_returns(result.ts_us, result.equity, document["cash"]),
        "trades": list(result.trades.iter_rows(named=True)),
        "costs_pct": costs_pct_of_gross(result),
    }


def _verdict_rows(verdicts: pl.DataFrame) -> list[dict[str, Any]]:
    return list(verdicts.sort("symbol", maintain_order=True).iter_rows(named=True))


def payload(results: Sequence[BacktestResult], bars: Mapping[str, Bars]) -> dict[str, Any]:
    """The numbers behind the charts: every time axis, every benchmark and every symbol's prices once."""
    axes: dict[str, str] = {}
    benchmarks: dict[str, str] = {}
    drawn = {}
    for result in results:
        drawn[result.result_id] = {
            "axis": axes.setdefault(charts.seconds(result.ts_us), str(len(axes))),
            "benchmark": benchmarks.setdefault(charts.float32(result.benchmark), str(len(benchmarks))),
            **_curves(result),
            "marks": _marks(result),
        }
    return {
        "axes": {key: axis for axis, key in axes.items()},
        "benchmarks": {key: curve for curve, key in benchmarks.items()},
        "results": drawn,
        "prices": {symbol: _prices(one) for symbol, one in sorted(bars.items())},
    }


def _curves(result: BacktestResult) -> dict[str, str]:
    from pi5_pipelines.analysis.metrics import drawdown

    rolling = rolling_sharpe(result.equity, ROLLING_BARS, result.document["periods_per_year"])
    return {
        "equity": charts.float32(result.equity),
        "drawdown": charts.float32(drawdown(result.equity) * 100.0),
        "rolling": charts.float32(rolling),
    }


def _marks(result: BacktestResult) -> dict[str, list[list[Any]]]:
    """Fills by symbol: seconds, side, quantity, price."""
    marks: dict[str, list[list[Any]]] = {symbol: [] for symbol in result.document["symbols"]}
    for fill in result.fills.iter_rows(named=True):
        when = int(fill["ts"].timestamp())
        marks[fill["symbol"]].append([when, fill["side"], round(fill["quantity"], 6), round(fill["price"], 6)])
    return marks


def _prices(bars: Bars) -> dict[str, str]:
    columns = {name: charts.float32(getattr(bars, name)) for name in ("open", "high", "low", "close", "volume")}
    return {"axis": charts.seconds(bars.ts_us), **columns}
