"""A process that works for one Dagster asset: its memory is its own, and its death is one failed step."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dagster_pipes import open_dagster_pipes

from pi5_pipelines.errors import Pi5Error
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from pi5_pipelines.settings import Settings

Progress = Callable[[int, int, str], None]
Figures = dict[str, object]


def run_worker(work: Callable[[Settings, Lake, Progress], Figures]) -> int:
    """Do the work and hand its figures to Dagster, with the seconds it took.

    Answers 1 after a Pi5Error, whose line goes to the run's log.
    """
    with open_dagster_pipes() as context:
        started = time.perf_counter()
        settings = load_settings()
        lake = Lake(settings.folder("lake"))
        try:
            figures = work(settings, lake, lambda done, total, label: context.log.info("%d/%d %s", done, total, label))
        except Pi5Error as error:
            context.log.error(str(error))  # noqa: TRY400 - the line says it all; a traceback would bury it
            return 1
        metadata = {"seconds": round(time.perf_counter() - started, 3), **figures}
        context.report_asset_materialization(metadata=metadata)  # type: ignore[arg-type]  # plain values are taken
    return 0
