"""What the page tells of one result, beyond its own document: years, drawdowns, how its trades went, what they cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pi5_pipelines.analysis import benchmark as against
from pi5_pipelines.analysis import metrics
from pi5_pipelines.analysis.breakdown import Breakdown, breakdowns
from pi5_pipelines.analysis.drawdowns import worst
from pi5_pipelines.analysis.excursions import excursions
from pi5_pipelines.analysis.trade_definitions import ALL_GROUPS
from pi5_pipelines.analysis.years import by_year, correlations, daily_returns
from pi5_pipelines.report.figures import monthly_returns
from pi5_pipelines.report.rendering import label, number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

    from pi5_pipelines.analysis.excursions import Timing
    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult

WORST: Final = 5
DECIMALS: Final = {"%": 2, "money": 2, "days": 1, "bars": 1, "trades": 0, "": 2}
COMMON: Final = ("fees", "slippage")


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of cost: money, and that as a percentage of the profit before all costs (None: there was none)."""

    name: str
    money: float
    share_pct: float | None


def row(result: BacktestResult) -> dict[str, Any]:
    """What the summary needs of one result."""
    params = result.document["params"]
    return {
        "id": result.result_id,
        "doc": result.document,
        "params": ", ".join(f"{name} {value:g}" for name, value in params.items()),
    }


def shown(result: BacktestResult, bars: Mapping[str, Bars], benchmark: Bars | None) -> dict[str, Any]:
    """What the template needs of one result."""
    document = result.document
    periods = document["periods_per_year"]
    return {
        **row(result),
        "label": label(document),
        "months": monthly_returns(result.ts_us, result.equity, document["cash"]),
        "years": by_year(result.ts_us, result.equity, result.benchmark, result.trades, document["cash"], periods),
        "drawdowns": worst(metrics.drawdown(result.equity), result.ts_us, WORST),
        "divisions": divisions(result, bars),
        "groups": groups(document),
        "against": None if benchmark is None else versus(result, benchmark),
        "trades": list(result.trades.iter_rows(named=True)),
        "costs": costs(document),
    }


def own_bars(result: BacktestResult, bars: Mapping[str, Bars]) -> list[Bars]:
    """The bars of a result's symbols."""
    return [bars[symbol] for symbol in result.document["symbols"] if symbol in bars]


def timing(result: BacktestResult) -> Timing:
    """Where in a bar a result's fills happened; orders may fill anywhere."""
    if result.orders is not None:
        return "within"
    return "close" if result.document["fill"] == "close" else "open"


def trade_excursions(result: BacktestResult, bars: Mapping[str, Bars]) -> pl.DataFrame:
    """The excursions of a result's trades, a row each."""
    return excursions(result.trades, own_bars(result, bars), timing=timing(result))


def divisions(result: BacktestResult, bars: Mapping[str, Bars]) -> list[tuple[Breakdown, float]]:
    """The divisions of a result's trades, each with its largest profit or loss, which a full bar stands for."""
    made = breakdowns(result.trades, own_bars(result, bars), timing=timing(result))
    return [(one, max(abs(share.pnl) for share in one.shares)) for one in made]


def groups(document: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Every figure that is defined, by group, as text; figures that an older result lacks are undefined."""
    return [
        (group.title, [(one.name, _text(one.unit, document.get(one.name))) for one in group.metrics])
        for group in ALL_GROUPS
    ]


def _text(unit: str, value: Any) -> str:  # noqa: ANN401 - a figure or a date
    if isinstance(value, str):
        return value
    return number(value, 0 if isinstance(value, int) else DECIMALS[unit], "%" if unit == "%" else "")


def versus(result: BacktestResult, benchmark: Bars) -> list[tuple[str, str, bool]]:
    """A result's figures against another symbol, held from the first bar on: name, text, whether it is negative."""
    document = result.document
    curve = against.holding(benchmark, result.ts_us, document["cash"])
    found = against.benchmark_metrics(
        metrics.returns(result.equity), metrics.returns(curve), document["periods_per_year"]
    )
    rows = {"return_pct": (float(curve[-1]) / document["cash"] - 1.0) * 100.0, **found}
    return [
        (
            f"Return of {benchmark.symbol}" if name == "return_pct" else name,
            _text("%" * name.endswith("_pct"), value),
            value < 0.0,
        )
        for name, value in rows.items()
    ]


def costs(document: Mapping[str, Any]) -> list[Cost]:
    """What was paid, by kind: the document's own breakdown where it has one, else fees and slippage.

    Other kinds that cost nothing are left out; what brought money counts below zero.
    """
    told = document.get("costs") or {"fees": document["fees_paid"], "slippage": document["slippage_paid"]}
    paid = {name: float(value) for name, value in told.items() if value or name in COMMON}
    total = sum(paid.values())
    gross = document["equity_final"] - document["cash"] + total
    rows = [*paid.items(), ("together", total)]
    return [Cost(name.replace("_", " "), money, money / gross * 100.0 if gross > 0.0 else None) for name, money in rows]


@dataclass(frozen=True, slots=True)
class Together:
    """How alike the daily returns of results are: each one's short and long name and correlations (None: unknown)."""

    labels: tuple[tuple[str, str], ...]
    rows: tuple[tuple[float | None, ...], ...]


def together(results: Sequence[BacktestResult]) -> Together | None:
    """The correlations of results' daily returns; None for a single one."""
    if len(results) < 2:  # noqa: PLR2004 - it takes two
        return None
    found = correlations(daily_returns([(one.ts_us, one.equity) for one in results])).tolist()
    rows = tuple(tuple(value if value == value else None for value in row) for row in found)  # noqa: PLR0124 - NaN
    names = tuple((label({**one.document, "params": {}}), label(one.document)) for one in results)
    return Together(names, rows)
