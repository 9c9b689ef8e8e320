"""The page of a sweep: every combination of parameters, how the figures lie over them, and how firm the best is."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pi5_pipelines.analysis.neighbours import Neighbourhood, neighbourhood
from pi5_pipelines.analysis.trade_definitions import METRICS
from pi5_pipelines.errors import DataRangeError, UnknownNameError
from pi5_pipelines.report import charts
from pi5_pipelines.report.rendering import from_template, number, own, script_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl

# Figures that a sweep's table has: heading, decimals, unit; others of the frame are shown as they are named.
HEADINGS = {
    "sharpe": ("Sharpe", 2, ""),
    "return_pct": ("Return", 1, "%"),
    "max_drawdown_pct": ("Max drawdown", 1, "%"),
    "trades": ("Trades", 0, ""),
}
RANKED_BY = "sharpe"
ROWS = 50  # of the table
MOST_NUMBERS = 400_000  # that the page carries, at 16 letters for three of them
BINS = 40
STANDING = (
    "strategy",
    "symbols",
    "timeframe",
    "start",
    "end",
    "bars",
    "fill",
    "fee_bps",
    "slippage_bps",
    "code_version",
    "chosen",
)


def render_sweep(frame: pl.DataFrame, params: Sequence[str], document: Mapping[str, Any]) -> str:
    """The page of a table of combinations: `params` columns and figures (at least those of HEADINGS), a row each.

    `document` says what was swept: strategy and symbols, and where known timeframe, start, end, bars, fill, fee_bps,
    slippage_bps, code_version; `chosen`, the parameters that were decided on (otherwise the highest Sharpe ratio's);
    `honesty`, a verdict with level, sentences and figures. Raises DataRangeError for a table without rows and
    UnknownNameError for a column that is missing or a choice that is not in the table.
    """
    import polars as pl

    table = checked(frame, params)
    figures = [name for name in table.columns if name not in params]
    chosen = choice(table, params, document.get("chosen"))
    around = neighbourhood(table, params, chosen, RANKED_BY)
    most = MOST_NUMBERS // table.width
    carried = table.with_row_index("rank").filter((pl.col("rank") < most) | matches(chosen)).drop("rank")
    return from_template(
        "sweep.html",
        title=f"Sweep of {document['strategy']} on {', '.join(document['symbols'])}",
        words=words(table, around),
        document={name: document.get(name) for name in STANDING},
        honesty=document.get("honesty"),
        params=params,
        headings=[(name, *heading(name)) for name in figures],
        rows=table.head(ROWS).to_dicts(),
        combinations=table.height,
        carried=carried.height,
        chosen=chosen,
        around=around,
        definitions={name: METRICS[name].meaning for name in figures if name in METRICS},
        payload=script_json(payload(carried, params, figures, chosen, classes(table[RANKED_BY].drop_nulls()))),
        styles=own("page.css"),
        scripts=[own("table.js"), own("svg.js"), own("surface.js"), own("sweep.js")],
    )


def heading(name: str) -> tuple[str, int, str]:
    """How a figure is shown: heading, decimals, unit."""
    return HEADINGS.get(
        name, (name.removesuffix("_pct").replace("_", " ").capitalize(), 2, "%" * name.endswith("_pct"))
    )


def checked(frame: pl.DataFrame, params: Sequence[str]) -> pl.DataFrame:
    """The parameters and figures as real numbers, the highest Sharpe ratio first and undefined ones last."""
    import polars as pl

    missing = [name for name in (*params, *HEADINGS) if name not in frame.columns]
    if missing or not params:
        there = ", ".join(frame.columns)
        raise UnknownNameError(
            f"no column {', '.join(missing) or 'of a parameter'}", where="sweep", hint=f"there are: {there}"
        )
    if frame.is_empty():
        raise DataRangeError("the sweep has no combinations", where="sweep", hint="give each parameter a value")
    others = [name for name in frame.columns if name not in {*params, *HEADINGS} and frame[name].dtype.is_numeric()]
    wanted = [*params, *HEADINGS, *others]
    real = frame.select(pl.col(wanted).cast(pl.Float64).fill_nan(None))
    return real.sort(RANKED_BY, descending=True, nulls_last=True, maintain_order=True)


def choice(table: pl.DataFrame, params: Sequence[str], wanted: Mapping[str, float] | None) -> dict[str, float]:
    """The chosen combination: the wanted one, else the first of the table."""
    if wanted is None:
        return {name: float(table[name][0]) for name in params}
    found = {name: float(wanted[name]) for name in params if name in wanted}
    if len(found) < len(params) or table.filter(matches(found)).is_empty():
        told = ", ".join(f"{name} {value:g}" for name, value in wanted.items())
        raise UnknownNameError(f"the choice {told} is not among the combinations", where="sweep")
    return found


def matches(point: Mapping[str, float]) -> pl.Expr:
    """Whether a row is a combination of parameters."""
    import polars as pl

    return pl.all_horizontal(*(pl.col(name) == value for name, value in point.items()))


def words(table: pl.DataFrame, around: Neighbourhood) -> str:
    """The sweep in a few plain sentences."""
    known = table[RANKED_BY].drop_nulls()
    if known.is_empty():
        return "No combination has a Sharpe ratio: none of them traded enough to have one."
    gains = int((table["return_pct"].fill_null(0.0) > 0.0).sum())
    told = [
        f"{gains:,} of {table.height:,} combinations earned something;",
        f"the middle one has a Sharpe ratio of {number(float(known.median()))}, the best of {number(float(known[0]))}.",  # type: ignore[arg-type]
        "The best of many is better than it deserves: some of its lead is luck.",
    ]
    if around.figure is not None and around.mean is not None and around.lowest is not None:
        told.append(
            f"Around the marked point ({number(around.figure)}) its {len(around.known)} neighbours have"
            f" {number(around.mean)} in the mean and {number(around.lowest)} at the lowest."
        )
    return " ".join(told)


def payload(
    table: pl.DataFrame,
    params: Sequence[str],
    figures: Sequence[str],
    chosen: Mapping[str, float],
    histogram: Mapping[str, list[float]],
) -> dict[str, Any]:
    """The numbers behind the page: every column once, where the chosen row is, and the Sharpe ratios by class."""
    columns = {name: charts.float32(table[name].fill_null(math.nan).to_numpy()) for name in (*params, *figures)}
    return {
        "params": list(params),
        "figures": [[name, *heading(name), METRICS[name].better if name in METRICS else "neither"] for name in figures],
        "columns": columns,
        "chosen": int(table.select(matches(chosen).arg_max()).item()),
        "classes": histogram,
        "told": list(HEADINGS),
        "ranked_by": RANKED_BY,
        "rows": ROWS,
    }


def classes(values: pl.Series) -> dict[str, list[float]]:
    """A histogram: edges of its classes and the count in each; nothing of nothing."""
    import numpy as np

    if values.is_empty():
        return {"edges": [], "counts": []}
    counts, edges = np.histogram(values.to_numpy(), bins=min(BINS, max(1, math.isqrt(len(values)) * 2)))
    return {"edges": edges.tolist(), "counts": counts.tolist()}
