"""The jobs: pieces of one night, and the whole night in order."""

from __future__ import annotations

import dagster as dg

from pi5_pipelines.assets import names


def _job(name: str, description: str, *assets: str) -> dg.UnresolvedAssetJobDefinition:
    return dg.define_asset_job(
        name, selection=dg.AssetSelection.assets(*assets), description=description, executor_def=dg.in_process_executor
    )


def _hot(*assets: str) -> tuple[str, ...]:
    """Those assets where there is a hot tier, else none."""
    return assets if names.HAS_HOT_TIER else ()


INGEST = _job(
    "ingest",
    "Fetch prices into the lake, check them, and publish them to the live engine.",
    *names.PRICES,
    names.FEED,
    *_hot(names.HOT_BARS),
)
BACKTESTS = _job(
    "backtests",
    "Run every configured strategy and search, and render the report.",
    names.BACKTESTS,
    names.SEARCHES,
    names.REPORT,
)
COMPRESS = _job(
    "compress",
    "Rewrite the lake's tables into few files and drop what no kept version needs; make the hot tier's chunks small.",
    names.COMPACTION,
    *_hot(names.HOT_COMPRESSION),
)
TIER = _job("tier", "Hand old chunks of the hot tier over to the lake.", names.HOT_TIERING)
BACKUP = _job("backup", "Make a backup, verify it, drop the oldest.", names.BACKUP)
RETENTION = _job(
    "retention",
    "Drop old runs, events and logs of Dagster, and chunks of the hot tier that the lake holds.",
    names.RETENTION,
    *_hot(names.HOT_RETENTION),
)
RECONCILE_LIVE = _job(
    "reconcile_live",
    "A UTC day of the live engine: its trades against the backtester's on the same bars, and its report.",
    names.REPLAY_CHECK,
    names.TRADING_REPORT,
)
_AUDITS = dg.AssetSelection.checks(
    dg.AssetCheckKey(dg.AssetKey(names.LEDGER_POSTINGS), names.AUDIT),
    *(dg.AssetCheckKey(dg.AssetKey(asset), names.AS_IN_THE_LAKE) for asset in _hot(names.HOT_LEDGER)),
)
LEDGER = dg.define_asset_job(
    names.LEDGER,
    selection=dg.AssetSelection.assets(*names.LEDGER_TABLES, *_hot(names.HOT_LEDGER)) - _AUDITS,
    description="Take what the live engine wrote down into the ledger, and prove that it balances.",
    executor_def=dg.in_process_executor,
)
LEDGER_AUDIT = dg.define_asset_job(
    "ledger_audit",
    selection=_AUDITS,
    description="Fold the whole journal anew and compare the ledger with it, in either store.",
    executor_def=dg.in_process_executor,
)
NIGHTLY = _job(
    "nightly",
    "The whole night in order: ingest, checks, the engine's feed, backtests, report, compress, backup, retention.",
    *names.PRICES,
    names.FEED,
    names.BACKTESTS,
    names.SEARCHES,
    names.REPORT,
    names.COMPACTION,
    names.BACKUP,
    names.RETENTION,
    *_hot(
        names.HOT_BARS,
        names.HOT_AGGREGATES,
        names.HOT_COMPRESSION,
        names.HOT_TIERING,
        names.HOT_RETENTION,
        names.HOT_SIZES,
    ),
)

JOBS = [
    NIGHTLY,
    INGEST,
    BACKTESTS,
    COMPRESS,
    BACKUP,
    RETENTION,
    RECONCILE_LIVE,
    LEDGER,
    LEDGER_AUDIT,
    *([TIER] if names.HAS_HOT_TIER else []),
]
