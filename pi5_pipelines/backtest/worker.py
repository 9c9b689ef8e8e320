"""The process that runs the night's backtests for Dagster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.backtest.nightly import NightlyOutcome, last_results, run_nightly
from pi5_pipelines.resources.worker import Figures, Progress, run_worker

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings


def work(settings: Settings, lake: Lake, progress: Progress) -> Figures:
    """Run the night; numbers are handed over as numbers, so that the UI plots them from night to night."""
    known = {row["result_id"] for row in last_results(settings)}
    outcome = run_nightly(settings, lake, progress)
    figures: Figures = {
        "results": len(outcome.results),
        "results_new": sum(row["result_id"] not in known for row in outcome.results),
        "skipped": len(outcome.skipped),
        "failed": len(outcome.failed),
        "data_as_of": outcome.as_of,
        "code_version": outcome.code_version,
        "summary": {"type": "md", "raw_value": table(outcome)},
    }
    for row in outcome.results:
        name = f"{row['strategy']}/{'+'.join(row['symbols'])}"
        for figure in ("sharpe", "return_pct", "max_drawdown_pct"):
            if row[figure] is not None:
                figures[f"{figure} {name}"] = row[figure]
    return figures


def table(outcome: NightlyOutcome) -> str:
    """The night's results as a Markdown table."""
    lines = ["| strategy | symbols | return % | Sharpe | max drawdown % | trades | last run because |"]
    lines.append("|---|---|---:|---:|---:|---:|---|")
    for row in outcome.results:
        figures = " | ".join(
            "" if row[name] is None else f"{row[name]:.2f}" for name in ("return_pct", "sharpe", "max_drawdown_pct")
        )
        lines.append(
            f"| {row['strategy']} | {', '.join(row['symbols'])} | {figures} | {row['trades']} | {row['change']} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(run_worker(work))
