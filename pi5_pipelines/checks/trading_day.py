"""Whether a day of live trading was the backtester's, and whether every refused order is explained."""

from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from pi5_pipelines.trading_day.pairing import Difference
    from pi5_pipelines.trading_day.trade import Trade

AS_BACKTESTED, EXPLAINED, IN_THE_LEDGER = "as_backtested", "explained", "in_the_ledger"
MOST_ROWS = 100


@dg.asset_check(
    asset=names.REPLAY_CHECK,
    name=AS_BACKTESTED,
    description="Every live trade of the day is one of the backtester's on the same bars, to the last digit, and the "
    "other way round.",
)
def check_replay(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
    """Judge the day's check; trades that differ are an error, strategies that could not be checked a warning."""
    from pi5_pipelines.trading_day.write import day_or_last, read_check

    with plain_failure():
        settings = home.settings()
        found = read_check(settings, day_or_last(settings, _day(context)))
    rows = [dg.TableRecord(_row(one)) for one in found.differences[:MOST_ROWS]]
    return dg.AssetCheckResult(
        check_name=AS_BACKTESTED,
        asset_key=names.REPLAY_CHECK,
        passed=found.good,
        severity=dg.AssetCheckSeverity.ERROR if found.differences else dg.AssetCheckSeverity.WARN,
        description=found.sentence,
        metadata={
            "day": found.day,
            "differences": len(found.differences),
            "difference": float(found.difference),
            **({"rows": dg.MetadataValue.table(rows)} if rows else {}),
        },
    )


@dg.asset_check(
    asset=names.TRADING_REPORT,
    name=EXPLAINED,
    description="No order was rejected without a reason, none is left whose fate nobody knows, and no fill came of an "
    "order that nobody wanted.",
)
def check_orders(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
    """Judge the day's report."""
    from pi5_pipelines.trading_day.write import day_or_last, read_report

    with plain_failure():
        settings = home.settings()
        found = read_report(settings, day_or_last(settings, _day(context)))
    open_ones = found.unexplained
    return dg.AssetCheckResult(
        check_name=EXPLAINED,
        asset_key=names.TRADING_REPORT,
        passed=not open_ones,
        severity=dg.AssetCheckSeverity.ERROR,
        description="; ".join(open_ones[:MOST_ROWS]) or f"{found.orders:,} orders, each explained",
        metadata={"day": found.day, "unexplained": len(open_ones), "rejects": sum(one.count for one in found.rejects)},
    )


@dg.asset_check(
    asset=names.TRADING_REPORT,
    additional_deps=[names.LEDGER_FILLS],
    name=IN_THE_LEDGER,
    description="Every fill of the day is in the lake's ledger, with its quantity and price; one that is behind is a "
    "warning.",
)
def check_ledger(context: dg.AssetCheckExecutionContext, home: Home) -> dg.AssetCheckResult:
    """Look for the day's fills."""
    from pi5_pipelines.trading_day.in_ledger import missing
    from pi5_pipelines.trading_day.write import day_or_last, read_report

    with plain_failure():
        settings = home.settings()
        found = read_report(settings, day_or_last(settings, _day(context)))
        lacking = missing(home.lake(), found.fills)
    return dg.AssetCheckResult(
        check_name=IN_THE_LEDGER,
        asset_key=names.TRADING_REPORT,
        passed=not lacking,
        severity=dg.AssetCheckSeverity.WARN,
        description="; ".join(lacking[:MOST_ROWS]) or f"{len(found.fills):,} fills, each in the ledger",
        metadata={"day": found.day, "missing": len(lacking)},
    )


def _day(context: dg.AssetCheckExecutionContext) -> str | None:
    """The day of the run, None for a check that is asked for by itself: it then looks at the last day."""
    return context.partition_key if context.has_partition_key else None


def _row(one: "Difference") -> dict[str, str]:
    side = one.live or one.simulated
    return {
        "strategy": side.strategy if side else "",
        "symbol": side.symbol if side else "",
        "kind": one.kind,
        "cause": one.cause,
        "cash": str(one.cash),
        "live": _told(one.live),
        "backtester": _told(one.simulated),
    }


def _told(trade: "Trade | None") -> str:
    if trade is None:
        return ""
    return f"{trade.side} {trade.quantity} at {trade.price}, fee {trade.fee}, {trade.ts_ns} {trade.client_order_id}"
