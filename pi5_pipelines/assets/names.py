"""The names of assets, groups, owners and pools, each written once."""

from __future__ import annotations

from pi5_pipelines.ledger import offset
from pi5_pipelines.settings import load_settings

RAW_FILES, INSTRUMENTS, ACTIONS = "raw_files", "instruments", "corporate_actions"
BARS = f"bars_{load_settings().ingest.timeframe}"  # named as its table
PRICES = (RAW_FILES, INSTRUMENTS, ACTIONS, BARS)
VERDICTS = "verdicts"
BACKTESTS, SEARCHES, REPORT = "nightly_backtests", "nightly_research", "nightly_report"
FEED = "engine_feed"
REPLAY_CHECK, TRADING_REPORT = "replay_check", "trading_report"
ENGINE, JOURNAL = "live_engine", "live_journal"
LEDGER, LEDGER_STEP = "ledger", "ledger_tables"
HOT_LEDGER, FOLLOWED, AS_IN_THE_LAKE = "hot_ledger", "followed", "as_in_the_lake"
BALANCED, AUDIT = "balanced", "audit"
LEDGER_TABLES, LEDGER_FILLS, LEDGER_POSTINGS = offset.TABLES, offset.FILLS, offset.POSTINGS
COMPACTION, BACKUP, RETENTION = "lake_compaction", "home_backup", "dagster_retention"

HOT_BARS = f"hot_{BARS}"
HOT_AGGREGATES, HOT_COMPRESSION, HOT_TIERING = "hot_aggregates", "hot_compression", "hot_tiering"
HOT_RETENTION, HOT_SIZES = "hot_retention", "hot_sizes"
# Only where a TimescaleDB is configured.
HAS_HOT_TIER = bool(load_settings().timescale.dsn)

# Groups: the columns of the lineage page, in the order of a night.
SOURCES, LAKE, HOT, LIVE, RESEARCH, UPKEEP = "sources", "lake", "hot", "live", "research", "upkeep"

DATA_TEAM, RESEARCH_TEAM, PLATFORM_TEAM = ["team:data"], ["team:research"], ["team:platform"]

# Scarce things, one user at a time.
LAKE_WRITER, WORKER, TIMESCALE_WRITER = "lake_writer", "backtest_worker", "timescale_writer"
LEDGER_WRITER = "ledger_writer"
