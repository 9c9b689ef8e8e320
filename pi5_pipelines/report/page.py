"""One HTML page that needs nothing but itself: results in, the same bytes out for the same results."""

from __future__ import annotations

import json
from importlib.resources import files
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

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
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
MINUS = "\N{MINUS SIGN}"


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
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "moment": moment, "intensity": intensity}
    return environment.from_string(_own("template.html")).render(
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
        styles=charts.uplot_css() + _own("page.css"),
        scripts=[charts.uplot_js(), charts.candles_js(), _own("page.js")],
        licences=[(name, _own(f"licenses/{name}.txt")) for name in ("uPlot", "lightweight-charts")],
        rolling_bars=ROLLING_BARS,
    )


def number(value: float | None, decimals: int = 2, unit: str = "") -> str:
    """A number for people: thousands apart, a real minus sign, a dash for what is undefined."""
    if value is None:
        return "\N{EN DASH}"
    text = f"{abs(value):,.{decimals}f}{unit}"
    return f"{MINUS}{text}" if value < 0 and float(f"{value:.{decimals}f}") != 0.0 else text


def moment(value: Any) -> str:  # noqa: ANN401 - a datetime out of a table
    """A time for people: the date, and the clock unless it is midnight."""
    return f"{value:%Y-%m-%d}" if (value.hour, value.minute) == (0, 0) else f"{value:%Y-%m-%d %H:%M}"


def label(document: Mapping[str, Any]) -> str:
    """A result's name."""
    params = ", ".join(f"{name} {value:g}" for name, value in document["params"].items())
    return f"{document['strategy']} \N{MIDDLE DOT} {', '.join(document['symbols'])}{f' ({params})' if params else ''}"


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


def script_json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """JSON that may stand inside a script element: nothing in it can end the element or begin another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return "".join(_escaped(text))


def _escaped(text: str) -> Iterable[str]:
    return (ESCAPES.get(letter, letter) for letter in text)


def _own(name: str) -> str:
    return files("pi5_pipelines.report").joinpath(*name.split("/")).read_text(encoding="utf-8")
