"""The process that runs the night's backtests for Dagster: its memory is its own, and its death is one failed step."""

from __future__ import annotations

import time

from dagster_pipes import PipesContext, open_dagster_pipes

from pi5_pipelines.backtest.nightly import NightlyOutcome, last_results, run_nightly
from pi5_pipelines.errors import Pi5Error
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import load_settings


def main() -> int:
    """Run the night and report its figures; answers 1 after a Pi5Error, whose line goes to the run's log."""
    with open_dagster_pipes() as context:
        started = time.perf_counter()
        settings = load_settings()
        known = {row["result_id"] for row in last_results(settings)}
        try:
            outcome = run_nightly(
                settings,
                Lake(settings.folder("lake")),
                progress=lambda done, total, label: context.log.info("%d/%d %s", done, total, label),
            )
        except Pi5Error as error:
            context.log.error(str(error))  # noqa: TRY400 - the line says it all; a traceback would bury it
            return 1
        report(context, outcome, known, time.perf_counter() - started)
    return 0


def report(context: PipesContext, outcome: NightlyOutcome, known: set[str], seconds: float) -> None:
    """Hand the night's figures to Dagster, numbers as numbers so that the UI plots them from night to night."""
    metadata: dict[str, object] = {
        "seconds": round(seconds, 3),
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
                metadata[f"{figure} {name}"] = row[figure]
    context.report_asset_materialization(metadata=metadata)  # type: ignore[arg-type]  # plain values are taken as they are


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
    raise SystemExit(main())
