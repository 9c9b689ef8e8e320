"""The night's backtests: one worker process that fans out inside, and the page that shows what it found."""

import sys
import time

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.backtest.code_version import code_version
from pi5_pipelines.resources.home import Home

WORKER = [sys.executable, "-m", "pi5_pipelines.backtest.worker"]
RESEARCHER = [sys.executable, "-m", "pi5_pipelines.research.worker"]


def worker_asset(name: str, description: str, command: list[str]) -> dg.AssetsDefinition:
    """An asset that a process of its own makes out of checked bars; its memory is its own and ends with it."""

    @dg.asset(
        name=name,
        description=description,
        deps=[names.BARS, names.ACTIONS, names.INSTRUMENTS, names.VERDICTS],
        group_name=names.RESEARCH,
        kinds={"numba", "python"},
        owners=names.RESEARCH_TEAM,
        tags={"cadence": "nightly"},
        code_version=code_version(),
        pool=names.WORKER,
    )
    def made_by_worker(
        context: dg.AssetExecutionContext, home: Home, worker: dg.PipesSubprocessClient
    ) -> dg.MaterializeResult[None]:
        return worker.run(context=context, command=command, env=home.environment()).get_materialize_result()

    return made_by_worker


nightly_backtests = worker_asset(
    names.BACKTESTS,
    "Every configured strategy on every symbol whose bars passed their checks. "
    "Sharpe, return and drawdown of each are numbers here, so the UI plots them from night to night.",
    WORKER,
)
nightly_research = worker_asset(
    names.SEARCHES,
    "The configured ranges of parameters, swept and walked forward on every symbol whose bars passed their "
    "checks. A search is run again only when its bars, ranges or strategy have changed; each has a page of its own.",
    RESEARCHER,
)


@dg.asset(
    name=names.REPORT,
    description="One HTML page of the night: results, curves, trades, and who was left out and why.",
    deps=[names.BACKTESTS, names.SEARCHES],
    group_name=names.RESEARCH,
    kinds={"html"},
    owners=names.RESEARCH_TEAM,
    tags={"cadence": "nightly"},
)
def nightly_report(home: Home) -> dg.MaterializeResult[None]:
    """Write the page and say where it lies."""
    from pi5_pipelines.report.nightly import write_nightly_report

    started = time.perf_counter()
    with plain_failure():
        page = write_nightly_report(home.settings(), home.lake())
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.url(page.as_uri()),
            "path": dg.MetadataValue.path(page),
            "bytes": page.stat().st_size,
            "seconds": time.perf_counter() - started,
        }
    )
