"""The jobs: pieces of one night, and the whole night in order."""

from __future__ import annotations

import dagster as dg

from pi5_pipelines.assets import names


def _job(name: str, description: str, *assets: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name, selection=dg.AssetSelection.assets(*assets), description=description, executor_def=dg.in_process_executor
    )


INGEST = _job("ingest", "Fetch prices into the lake and check them.", *names.PRICES)
BACKTESTS = _job(
    "backtests",
    "Run every configured strategy and search, and render the report.",
    names.BACKTESTS,
    names.SEARCHES,
    names.REPORT,
)
COMPRESS = _job(
    "compress", "Rewrite the lake's tables into few files and drop what no kept version needs.", names.COMPACTION
)
BACKUP = _job("backup", "Make a backup, verify it, drop the oldest.", names.BACKUP)
RETENTION = _job("retention", "Drop old runs, events and logs of Dagster.", names.RETENTION)
NIGHTLY = _job(
    "nightly",
    "The whole night in order: ingest, checks, backtests, report, compress, backup, retention.",
    *names.PRICES,
    names.BACKTESTS,
    names.SEARCHES,
    names.REPORT,
    names.COMPACTION,
    names.BACKUP,
    names.RETENTION,
)

JOBS = [NIGHTLY, INGEST, BACKTESTS, COMPRESS, BACKUP, RETENTION]
