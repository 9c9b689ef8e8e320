"""One HTML page that needs nothing but itself: results in, the same bytes out for the same results."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

from pi5_pipelines.analysis.trade_definitions import DEFINITIONS
from pi5_pipelines.checks.ruling import ADVISORY
from pi5_pipelines.report import charts
from pi5_pipelines.report.figures import ROLLING_BARS, intensity, verdict
from pi5_pipelines.report.payload import payload
from pi5_pipelines.report.rendering import from_template, own, script_json
from pi5_pipelines.report.sections import row, shown, together, trade_excursions

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
    ("Alpha a year", "alpha_pct", 1, "%"),
    ("Beta", "beta", 2, ""),
    ("Under water", "max_drawdown_days", 0, " days"),
    *SUMMARY[7:11],
    ("Average trade", "avg_trade_pct", 2, "%"),
    ("Worst trade", "worst_trade_pct", 1, "%"),
)
MOST_DETAILED = 30  # results whose curves and trades the page carries, some 0.1 MB each
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Night(NamedTuple):
    """Lines of the night beside its results: of its searches, and of results that replaced others."""

    searches: Sequence[Mapping[str, Any]] = ()
    changes: Sequence[Mapping[str, Any]] = ()


ALONE = Night()


def render(  # noqa: PLR0913 - one argument a part of the page
    results: Sequence[BacktestResult],
    bars: Mapping[str, Bars],
    verdicts: pl.DataFrame,
    skipped: Sequence[Mapping[str, str]],
    *,
    title: str,
    data_as_of: str,
    honesty: Mapping[str, Any] | None = None,
    benchmark: Bars | None = None,
    night: Night = ALONE,
) -> str:
    """The page for some results, the bars they ran on, the verdicts on all data, and what was left out and why.

    `honesty` is a verdict on the results with `level` ("good", "doubtful", "bad"), `sentences` and, if there are,
    `figures` by name. `benchmark` is another symbol to hold the results against, besides buying and holding.
    `night` is what else the night has to tell.
    """
    detailed = in_detail(results)
    symbols = {symbol for one in detailed for symbol in one.document["symbols"]}
    drawn = {symbol: one for symbol, one in bars.items() if symbol in symbols}
    return from_template(
        "template.html",
        {"intensity": intensity},
        title=title,
        data_as_of=data_as_of,
        words=verdict(results, skipped),
        honesty=honesty,
        searches=night.searches,
        changes=night.changes,
        summary=SUMMARY,
        tiles=TILES,
        months=MONTHS,
        rows=[row(one) for one in results],
        detailed={one.result_id for one in detailed},
        results=[shown(one, bars, benchmark) for one in detailed],
        benchmark=benchmark.symbol if benchmark else None,
        together=together(detailed),
        verdicts=_verdict_rows(verdicts),
        skipped=skipped,
        definitions=DEFINITIONS,
        payload=script_json(
            payload(detailed, drawn, {one.result_id: trade_excursions(one, bars) for one in detailed}, benchmark)
        ),
        styles=charts.uplot_css() + own("page.css"),
        scripts=[charts.uplot_js(), charts.candles_js(), own("table.js"), own("svg.js"), own("page.js")],
        licences=[(name, own(f"licenses/{name}.txt")) for name in ("uPlot", "lightweight-charts")],
        rolling_bars=ROLLING_BARS,
    )


def in_detail(results: Sequence[BacktestResult]) -> list[BacktestResult]:
    """The results that a page shows whole, in their order: of more than it can carry the highest Sharpe ratios."""
    if len(results) <= MOST_DETAILED:
        return list(results)

    def rank(result: BacktestResult) -> float:
        sharpe = result.document["sharpe"]
        return -math.inf if sharpe is None else float(sharpe)

    kept = {id(one) for one in sorted(results, key=rank, reverse=True)[:MOST_DETAILED]}
    return [one for one in results if id(one) in kept]


def _verdict_rows(verdicts: pl.DataFrame) -> list[dict[str, Any]]:
    rows = verdicts.sort("symbol", maintain_order=True).iter_rows(named=True)
    return [{**row, "outcome": _outcome(row)} for row in rows]


def _outcome(row: dict[str, Any]) -> str:
    return "passed" if row["passed"] else "noted" if row["check"] in ADVISORY else "failed"
