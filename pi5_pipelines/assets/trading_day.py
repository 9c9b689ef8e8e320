"""A UTC day of the live engine: its trades held against the backtester's, and a page that tells the day."""

import time
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from pi5_pipelines.assets.figures import Figures

# The present day can be asked for too, as far as it has come.
DAYS = dg.DailyPartitionsDefinition(start_date="2025-01-01", timezone="UTC", end_offset=1)


@dg.asset(
    name=names.REPLAY_CHECK,
    description="The bars that live strategies saw on the day, traded once more by the backtester with the recorded "
    "parameters and costs. What risk denied, people cancelled or the kill switch did is taken from the journal.",
    deps=[names.JOURNAL],
    partitions_def=DAYS,
    group_name=names.LIVE,
    kinds={"json"},
    owners=names.RESEARCH_TEAM,
    tags={"cadence": "daily"},
)
def replay_check(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult[None]:
    """Trade the day again and say how far both are apart."""
    from pi5_pipelines.trading_day.write import check_file, write_check

    started, day = time.perf_counter(), date.fromisoformat(context.partition_key)
    with plain_failure():
        found = write_check(home.settings(), day)
    for sentence in (*found.unchecked, *found.raised):
        context.log.warning(sentence)
    figures: Figures = {
        "live_trades": found.live,
        "simulated_trades": found.simulated,
        "agreed": found.agreed,
        "differences": len(found.differences),
        "difference": float(found.difference),
        "bars": found.bars,
        "by_hand": found.by_hand,
        **found.facts,
        "seconds": time.perf_counter() - started,
    }
    return dg.MaterializeResult(
        metadata={**figures, "path": dg.MetadataValue.path(check_file(home.settings(), day))},
    )


@dg.asset(
    name=names.TRADING_REPORT,
    description="One HTML page of the day: profit, fills, slippage against the price at decision, how long orders "
    "waited, refusals, gaps, when the engine was up, and the outcome of the replay. It is held against the ledger.",
    deps=[names.JOURNAL, names.REPLAY_CHECK, names.LEDGER_FILLS],
    partitions_def=DAYS,
    group_name=names.LIVE,
    kinds={"html"},
    owners=names.RESEARCH_TEAM,
    tags={"cadence": "daily"},
)
def trading_report(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult[None]:
    """Write the page and its figures, and say where they lie."""
    from pi5_pipelines.trading_day.write import page_file, report_file, write_report

    started, day = time.perf_counter(), date.fromisoformat(context.partition_key)
    settings = home.settings()
    with plain_failure():
        found = write_report(settings, day)
    figures: Figures = {
        "fills": len(found.fills),
        "orders": found.orders,
        "rejects": sum(one.count for one in found.rejects),
        "denials": sum(one.count for one in found.denials),
        "gaps": len(found.gaps),
        "kills": found.uptime.kills,
        "up_pct": found.uptime.share * 100.0,
        **{f"profit {one.currency}": float(one.pnl) for one in found.totals},
        "seconds": time.perf_counter() - started,
    }
    if found.latency.intent_to_accepted.p95 is not None:
        figures["accepted_p95_ms"] = found.latency.intent_to_accepted.p95
    page = page_file(settings, day)
    return dg.MaterializeResult(
        metadata={
            **figures,
            "page": dg.MetadataValue.url(page.as_uri()),
            "path": dg.MetadataValue.path(page),
            "json": dg.MetadataValue.path(report_file(settings, day)),
        }
    )
