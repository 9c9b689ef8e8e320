"""What the live engine is fed: one file of instruments, sessions, corporate actions and bars, published whole."""

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from pi5_pipelines.assets.figures import Figures


@dg.asset(
    name=names.FEED,
    description="HOME/exports/market.sqlite, which the live engine reads: how symbols are quoted, when their venues "
    "trade, splits and dividends, and the bars of [[live.strategies]] as they were quoted. An engine that has it open "
    "keeps the one that it began with.",
    deps=[names.BARS, names.ACTIONS, names.INSTRUMENTS],
    group_name=names.LIVE,
    kinds={"sqlite"},
    owners=names.DATA_TEAM,
    tags={"cadence": "nightly"},
)
def engine_feed(context: dg.AssetExecutionContext, home: Home) -> dg.MaterializeResult[None]:
    """Publish the lake as it stands, and say what of [[live.strategies]] it lacks."""
    from pi5_pipelines.feed.publish import publish

    started = time.perf_counter()
    with plain_failure():
        report = publish(home.settings(), home.lake(), now=datetime.now(UTC))
    rows, missing = report.written.rows, report.missing_text
    if missing:
        context.log.warning("the lake has no bars of %s", missing)
    figures: Figures = {
        "dagster/row_count": rows["bars"],
        "bytes": report.written.bytes,
        "symbols": report.symbols,
        "instruments": rows["instruments"],
        "sessions": rows["sessions"],
        "corporate_actions": rows["corporate_actions"],
        "content": report.written.content,
        "missing": missing,
        "seconds": time.perf_counter() - started,
    }
    return dg.MaterializeResult(metadata={**figures, "path": dg.MetadataValue.path(report.path)})
