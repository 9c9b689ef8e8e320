"""The page of a search out of its tables and its summary, with a verdict of its own where no walk-forward gave one."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pi5_pipelines.analysis.neighbours import neighbourhood
from pi5_pipelines.honesty.verdict import Findings, judge
from pi5_pipelines.report.sweep import HEADINGS, RANKED_BY, render_sweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import polars as pl

MOST_WITH_ALL_FIGURES = 50_000  # combinations; a longer table is read with its main figures only


def search_page(
    tables: Sequence[Path],
    params: Sequence[str],
    document: Mapping[str, Any],
    found: Mapping[str, Any],
    honesty: Mapping[str, Any] | None = None,
) -> str:
    """The page of one symbol's tables, whole or in chunks; `params` are the columns that were varied.

    `document` says what was swept (see `render_sweep`), `found` is the summary of this symbol: best, combinations,
    deflated_sharpe, pbo, luck_sharpe. Raises what `render_sweep` raises.
    """
    import polars as pl

    rows = pl.scan_parquet(list(tables), glob=False).filter(pl.col("error").is_null())
    if found["combinations"] > MOST_WITH_ALL_FIGURES:
        rows = rows.select(*params, *HEADINGS)
    frame = rows.drop("error", "symbol", "combination", strict=False).collect()
    best = found["best"]
    if best is not None:
        document = {**document, "chosen": best["params"]}
        honesty = honesty or verdict_of(frame, params, found)
    return render_sweep(frame, params, {**document, "honesty": honesty})


def verdict_of(frame: pl.DataFrame, params: Sequence[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """What the search itself says of its best: its luck, its overfitting, and the points next to it."""
    best = found["best"]
    chosen = {name: best["params"][name] for name in params}
    around = neighbourhood(frame, params, chosen, RANKED_BY)
    figures = {
        "sharpe": best["sharpe"],
        "combinations": found["combinations"],
        "luck_sharpe": found["luck_sharpe"],
        "deflated_sharpe": found["deflated_sharpe"],
        "pbo": found["pbo"],
        "sharpe_neighbours": around.median,
        "sharpe_worst_neighbour": around.lowest,
    }
    verdict = judge(
        Findings(
            sharpe=math.nan if best["sharpe"] is None else best["sharpe"],
            trades=best["trades"],
            trials=found["combinations"],
            luck=found["luck_sharpe"],
            deflated=found["deflated_sharpe"],
            pbo=found["pbo"],
            neighbours=around.median,
        )
    )
    known = {name: value for name, value in figures.items() if value is not None}
    return {"level": verdict.level, "sentences": list(verdict.sentences), "figures": known}
