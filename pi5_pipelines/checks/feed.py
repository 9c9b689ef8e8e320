"""Whether the live engine is fed what the lake holds."""

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

WHOLE = "whole"


@dg.asset_check(
    asset=names.FEED,
    name=WHOLE,
    description="The engine's file opens undamaged, holds as many bars of each series as the lake, and lacks none that "
    "[[live.strategies]] replay.",
    compute_kind="sqlite",
)
def check_feed(home: Home) -> dg.AssetCheckResult:
    """Look at the file; one that is damaged or behind the lake is an error, a series that the lake lacks a warning."""
    from pi5_pipelines.feed.publish import inspect, is_read

    with plain_failure():
        settings = home.settings()
        found = inspect(settings, home.lake())
    lacks = [f"the lake has no bars of {one.symbol} {one.timeframe}" for one in found.missing if is_read(settings)]
    return dg.AssetCheckResult(
        check_name=WHOLE,
        asset_key=names.FEED,
        passed=not (found.problems or lacks),
        severity=dg.AssetCheckSeverity.ERROR if found.problems else dg.AssetCheckSeverity.WARN,
        description="; ".join([*found.problems, *lacks]) or f"{found.rows:,} bars, as in the lake",
        metadata={"rows": found.rows, "problems": len(found.problems), "missing": len(found.missing)},
    )
