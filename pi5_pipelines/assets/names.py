"""The names of assets, groups, owners and pools, each written once."""

from __future__ import annotations

from pi5_pipelines.settings import load_settings

RAW_FILES, INSTRUMENTS, ACTIONS = "raw_files", "instruments", "corporate_actions"
BARS = f"bars_{load_settings().ingest.timeframe}"  # named as its table
PRICES = (RAW_FILES, INSTRUMENTS, ACTIONS, BARS)
VERDICTS = "verdicts"
BACKTESTS, SEARCHES, REPORT = "nightly_backtests", "nightly_research", "nightly_report"
COMPACTION, BACKUP, RETENTION = "lake_compaction", "home_backup", "dagster_retention"

# Groups: the columns of the lineage page, in the order of a night.
SOURCES, LAKE, RESEARCH, UPKEEP = "sources", "lake", "research", "upkeep"

DATA_TEAM, RESEARCH_TEAM, PLATFORM_TEAM = ["team:data"], ["team:research"], ["team:platform"]

# Scarce things, one user at a time.
LAKE_WRITER, WORKER = "lake_writer", "backtest_worker"
