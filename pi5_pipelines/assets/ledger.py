"""The live engine's orders and money: from the engine through its journal into the ledger, in both stores."""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from pi5_pipelines.assets.figures import Figures

# An engine whose venues are closed over a long weekend writes little; one that is off for longer is worth a look.
FRESH = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=5), warn_window=timedelta(days=3))
EXTERNAL = [
    dg.AssetSpec(
        names.ENGINE,
        deps=[names.FEED],
        description="The resident process that trades. Its health, gaps in its prices and its kill switch are "
        "observed here as it writes them down.",
        group_name=names.LIVE,
        kinds={"python"},
        owners=names.PLATFORM_TEAM,
    ),
    dg.AssetSpec(
        names.JOURNAL,
        deps=[names.ENGINE],
        description="HOME/journal/live.sqlite, all that the engine did. The engine writes it; here it is only read.",
        group_name=names.LIVE,
        kinds={"sqlite"},
        owners=names.PLATFORM_TEAM,
        freshness_policy=FRESH,
    ),
]
DESCRIPTIONS = {
    "ledger_orders": "What each event made of an order, with the event itself; an order's last row is how it stands.",
    "ledger_fills": "Fills of the live engine that count, each of them once.",
    "ledger_postings": "Fills in double entry: units, cash, cost, realised and fees. Each event adds up to nothing.",
    "ledger_positions": "What each strategy holds, what it cost and earned; orders by hand have no strategy.",
    "ledger_cash": "What trading moved in each currency; deposits are no events.",
    "ledger_daily": "Realised P&L and fees by UTC day, strategy, symbol and currency.",
}


class LedgerRange(dg.Config):
    """How far to go: up to event `to_seq` of the journal of epoch `journal`; 0 and "" take all there is."""

    journal: str = ""
    to_seq: int = 0


@dg.multi_asset(
    name=names.LEDGER_STEP,
    specs=[
        dg.AssetSpec(
            table,
            deps=[names.JOURNAL],
            description=DESCRIPTIONS[table],
            group_name=names.LIVE,
            kinds={"deltalake"},
            owners=names.PLATFORM_TEAM,
            freshness_policy=FRESH,
        )
        for table in names.LEDGER_TABLES
    ],
    pool=names.LEDGER_WRITER,
    retry_policy=dg.RetryPolicy(max_retries=2, delay=30),
)
def ledger(context: dg.AssetExecutionContext, config: LedgerRange, home: Home) -> Iterator[dg.MaterializeResult[None]]:
    """Go on from the ledger's own offset, whatever was asked for before, up to the end of the range."""
    from pi5_pipelines.ledger.consume import consume

    started = time.perf_counter()
    with plain_failure():
        report = consume(home.settings(), journal=config.journal, to_seq=config.to_seq)
    if report.unmoved:
        context.log.warning("retention of the journal waits: %s", report.unmoved)
    for table, rows in report.rows.items():
        figures: Figures = {
            "rows": rows,
            "journal": report.journal,
            "from_seq": report.from_seq,
            "to_seq": report.to_seq,
            "events": report.to_seq - report.from_seq,
            "seconds": time.perf_counter() - started,
        }
        yield dg.MaterializeResult(asset_key=table, metadata=figures)


@dg.asset(
    name=names.HOT_LEDGER,
    deps=names.LEDGER_TABLES,
    description="The ledger in TimescaleDB: orders as they stand, fills, positions, cash and daily profit by strategy "
    "and symbol. It follows the lake, place and rows in one transaction.",
    group_name=names.LIVE,
    kinds={"postgres"},
    owners=names.PLATFORM_TEAM,
    freshness_policy=FRESH,
    pool=names.LEDGER_WRITER,
    output_required=False,
    check_specs=[
        dg.AssetCheckSpec(
            names.FOLLOWED, asset=names.HOT_LEDGER, description="TimescaleDB has all that the lake's ledger has."
        )
    ],
)
def hot_ledger(home: Home) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Bring what is lacking; what stands in the way fails the check and not the run, which has done the lake's part."""
    from pi5_pipelines.errors import Pi5Error
    from pi5_pipelines.ledger.hot import follow

    started = time.perf_counter()
    try:
        done = follow(home.settings())
    except Pi5Error as error:
        yield dg.AssetCheckResult(check_name=names.FOLLOWED, passed=False, description=str(error))
        return
    figures: Figures = {"journal": done.journal, "from_seq": done.from_seq, "to_seq": done.to_seq}
    figures |= {f"{table} rows": rows for table, rows in done.rows.items()}
    yield dg.MaterializeResult(metadata={**figures, "seconds": time.perf_counter() - started})
    yield dg.AssetCheckResult(check_name=names.FOLLOWED, passed=True, description=f"up to event {done.to_seq:,}")
