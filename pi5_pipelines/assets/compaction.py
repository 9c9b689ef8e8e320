"""The lake made small again: many little commits become few sorted files, and unneeded ones go."""

import time

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home


@dg.asset(
    name=names.COMPACTION,
    description="Every table rewritten into few sorted files; files that no version of the kept days needs are "
    "removed. It follows the report only to come later in the night.",
    deps=[names.REPORT],
    group_name=names.UPKEEP,
    kinds={"deltalake"},
    owners=names.PLATFORM_TEAM,
    tags={"cadence": "nightly"},
    pool=names.LAKE_WRITER,
)
def lake_compaction(home: Home) -> dg.MaterializeResult[None]:
    """Compact and vacuum every table."""
    from pi5_pipelines.lake.compaction import compact, vacuum

    started = time.perf_counter()
    with plain_failure():
        lake, keep_days = home.lake(), home.settings().lake.keep_days
        tables = lake.names()
        compacted = [compact(lake, table) for table in tables]
        vacuumed = [vacuum(lake, table, keep_days) for table in tables]
    return dg.MaterializeResult(
        metadata={
            "tables": len(compacted),
            "bytes_before": sum(one.bytes_before for one in compacted),
            "bytes_after": sum(one.bytes_after for one in compacted),
            "files_before": sum(one.files_before for one in compacted),
            "files_after": sum(one.files_after for one in compacted),
            "files_removed": sum(one.files for one in vacuumed),
            "bytes_removed": sum(one.bytes for one in vacuumed),
            "seconds": time.perf_counter() - started,
        }
    )
