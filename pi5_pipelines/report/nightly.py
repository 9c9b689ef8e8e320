"""The night's report: results, bars and verdicts gathered from disk and rendered into one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.backtest.bars import bars_from_lake, bars_of_symbols
from pi5_pipelines.backtest.nightly import read_outcome, results_folder
from pi5_pipelines.backtest.store import ResultStore
from pi5_pipelines.durable import write_bytes_durably
from pi5_pipelines.report.page import Night, render
from pi5_pipelines.research.nightly import read_research

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings


def report_file(settings: Settings) -> Path:
    """Where the last night's report lies."""
    return settings.folder("reports") / "nightly.html"


def write_nightly_report(settings: Settings, lake: Lake) -> Path:
    """Render the last night's outcome; answers the page's path.

    Raises DataRangeError when no night was run, UnknownNameError when the lake lacks the benchmark of the settings.
    """
    outcome, research = read_outcome(settings), read_research(settings)
    store = ResultStore(results_folder(settings))
    results = [store.load(row["result_id"]) for row in outcome.results]
    timeframe, benchmark = settings.ingest.timeframe, settings.backtest.benchmark
    symbols = sorted({symbol for result in results for symbol in result.document["symbols"]})
    bars = bars_of_symbols(lake, symbols, timeframe, adjust=settings.backtest.adjust)
    page = render(
        results,
        bars,
        lake.read("verdicts"),
        [*outcome.skipped, *outcome.failed, *research.failed],
        title="Nightly backtests",
        data_as_of=outcome.as_of,
        benchmark=bars_from_lake(lake, benchmark, timeframe, adjust=settings.backtest.adjust) if benchmark else None,
        night=Night(research.lines, [row for row in outcome.results if row.get("previous")]),
    )
    write_bytes_durably(report_file(settings), page.encode())
    return report_file(settings)
