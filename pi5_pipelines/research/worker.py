"""The process that does the night's research for Dagster; the searches themselves run in processes below it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.research.nightly import ResearchOutcome, read_research, run_research
from pi5_pipelines.resources.worker import Figures, Progress, run_worker

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings

FIGURES = ("best_sharpe", "unseen_sharpe", "deflated_sharpe", "pbo")


def work(settings: Settings, lake: Lake, progress: Progress) -> Figures:
    """Do the research; numbers are handed over as numbers, so that the UI plots them from night to night."""
    known = {one["research_id"] for one in read_research(settings).lines}
    outcome = run_research(settings, lake, progress)
    figures: Figures = {
        "searches": len(outcome.lines),
        "searches_new": sum(one["research_id"] not in known for one in outcome.lines),
        "combinations": sum(one["combinations"] for one in outcome.lines),
        "failed": len(outcome.failed),
        "summary": {"type": "md", "raw_value": table(outcome)},
    }
    for one in outcome.lines:
        for figure in FIGURES:
            if one[figure] is not None:
                figures[f"{figure} {one['strategy']}/{'+'.join(one['symbols'])}"] = one[figure]
    return figures


def table(outcome: ResearchOutcome) -> str:
    """The searches as a Markdown table."""
    lines = ["| strategy | symbols | tried | best Sharpe | on unseen bars | deflated | overfitting | verdict |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|---|")
    for one in outcome.lines:
        figures = " | ".join("" if one[name] is None else f"{one[name]:.2f}" for name in FIGURES)
        names = ", ".join(one["symbols"])
        lines.append(f"| {one['strategy']} | {names} | {one['combinations']} | {figures} | {one['level']} |")
    lines += [f"\n{one['strategy']} {one['symbol']} failed: {one['reason']}" for one in outcome.failed]
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(run_worker(work))
