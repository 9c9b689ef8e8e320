"""The process that does the night's research for Dagster; the searches themselves run in processes below it."""

from __future__ import annotations

import time

from dagster_pipes import PipesContext, open_dagster_pipes

from pi5_pipelines.errors import Pi5Error
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.research.nightly import ResearchOutcome, read_research, run_research
from pi5_pipelines.settings import load_settings

FIGURES = ("best_sharpe", "unseen_sharpe", "deflated_sharpe", "pbo")


def main() -> int:
    """Do the research and report its figures; answers 1 after a Pi5Error, whose line goes to the run's log."""
    with open_dagster_pipes() as context:
        started = time.perf_counter()
        settings = load_settings()
        known = {one["research_id"] for one in read_research(settings).lines}
        try:
            outcome = run_research(
                settings,
                Lake(settings.folder("lake")),
                progress=lambda done, total, label: context.log.info("%d/%d %s", done, total, label),
            )
        except Pi5Error as error:
            context.log.error(str(error))  # noqa: TRY400 - the line says it all; a traceback would bury it
            return 1
        report(context, outcome, known, time.perf_counter() - started)
    return 0


def report(context: PipesContext, outcome: ResearchOutcome, known: set[str], seconds: float) -> None:
    """Hand the figures to Dagster, numbers as numbers so that the UI plots them from night to night."""
    metadata: dict[str, object] = {
        "seconds": round(seconds, 3),
        "searches": len(outcome.lines),
        "searches_new": sum(one["research_id"] not in known for one in outcome.lines),
        "combinations": sum(one["combinations"] for one in outcome.lines),
        "failed": len(outcome.failed),
        "summary": {"type": "md", "raw_value": table(outcome)},
    }
    for one in outcome.lines:
        for figure in FIGURES:
            if one[figure] is not None:
                metadata[f"{figure} {one['strategy']}/{'+'.join(one['symbols'])}"] = one[figure]
    context.report_asset_materialization(metadata=metadata)  # type: ignore[arg-type]  # plain values are taken as they are


def table(outcome: ResearchOutcome) -> str:
    """The searches as a Markdown table."""
    lines = ["| strategy | symbols | tried | best Sharpe | on unseen bars | deflated | overfitting | verdict |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|---|")
    for one in outcome.lines:
        figures = " | ".join(
            "" if one[name] is None else f"{one[name]:.2f}"
            for name in ("best_sharpe", "unseen_sharpe", "deflated_sharpe", "pbo")
        )
        names = ", ".join(one["symbols"])
        lines.append(f"| {one['strategy']} | {names} | {one['combinations']} | {figures} | {one['level']} |")
    lines += [f"\n{one['strategy']} {one['symbol']} failed: {one['reason']}" for one in outcome.failed]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
