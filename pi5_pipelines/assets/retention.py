"""Dagster's own records kept from filling the disk, which Dagster itself does for ticks only."""

import time

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home


@dg.asset(
    name=names.RETENTION,
    description="Finished runs, their events and their logs, dropped after the days that [retention] gives them. "
    "It follows the backup only to come later in the night.",
    deps=[names.BACKUP],
    group_name=names.UPKEEP,
    kinds={"sqlite"},
    owners=names.PLATFORM_TEAM,
    tags={"cadence": "nightly"},
)
def dagster_retention(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult[None]:
    """Drop what is too old."""
    from pi5_pipelines.retention import expire

    started = time.perf_counter()
    with plain_failure():
        gone = expire(context.instance, home.settings())
    return dg.MaterializeResult(
        metadata={
            "runs_dropped": gone.runs,
            "log_files_dropped": gone.log_files,
            "bytes_before": gone.bytes_before,
            "bytes_after": gone.bytes_after,
            "seconds": time.perf_counter() - started,
        }
    )
