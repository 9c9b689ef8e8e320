"""The one place where the code location is wired: assets, checks, jobs, schedules, sensors, resources."""

from __future__ import annotations

import dagster as dg

from pi5_pipelines.assets import backtests, backup, compaction, feed, hot, ledger, names, prices, retention, trading_day
from pi5_pipelines.automation import alerts, check_alerts, journal, kill_switch, orphans, schedules, stream_gaps
from pi5_pipelines.automation.jobs import JOBS
from pi5_pipelines.checks.bars import check_bars
from pi5_pipelines.checks.feed import check_feed
from pi5_pipelines.checks.hot import CHECKS_OF_HOT
from pi5_pipelines.checks.ledger import CHECKS_OF_LEDGER, check_hot_ledger
from pi5_pipelines.checks.trading_day import check_ledger, check_orders, check_replay
from pi5_pipelines.resources.home import Home
from pi5_pipelines.settings import load_settings

_schedule = load_settings().schedule

_assets = dg.map_asset_specs(
    lambda spec: (
        spec.replace_attributes(freshness_policy=schedules.every_morning(_schedule))
        if spec.key.to_user_string() in (names.BARS, names.FEED, names.REPORT, names.BACKUP, names.HOT_BARS)
        else spec
    ),
    [
        *prices.SOURCES,
        prices.VERDICTS,
        prices.ingest_prices,
        feed.engine_feed,
        *ledger.EXTERNAL,
        ledger.ledger,
        backtests.nightly_backtests,
        backtests.nightly_research,
        backtests.nightly_report,
        compaction.lake_compaction,
        trading_day.replay_check,
        trading_day.trading_report,
        backup.home_backup,
        retention.dagster_retention,
        *((*hot.ASSETS, ledger.hot_ledger) if names.HAS_HOT_TIER else ()),
    ],
)

defs = dg.Definitions(
    assets=_assets,
    asset_checks=[
        check_bars,
        check_feed,
        check_replay,
        check_orders,
        check_ledger,
        *CHECKS_OF_LEDGER,
        *((*CHECKS_OF_HOT, check_hot_ledger) if names.HAS_HOT_TIER else ()),
    ],
    jobs=JOBS,
    schedules=[schedules.nightly_schedule(_schedule), schedules.live_day, schedules.audit_schedule(_schedule)],
    sensors=[
        *alerts.SENSORS,
        *check_alerts.SENSORS,
        *orphans.SENSORS,
        *journal.SENSORS,
        *kill_switch.SENSORS,
        *stream_gaps.SENSORS,
    ],
    resources={"home": Home(), "worker": dg.PipesSubprocessClient()},
    executor=dg.in_process_executor,
)
