"""Whether the hot tier is well, asked at the end of a night; nothing here stops one."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from pi5_pipelines.timescale.health import Health

SAVINGS = "savings"
CHECKS = {
    "chunks": "A dump, which locks every chunk at once, still can.",
    "dead_rows": "Vacuum keeps up with rows that were restated or removed.",
    "indexes": "Every index of the schema is there (orders by status among them), none is broken, missed or unused.",
    "slow_queries": "The slowest statements by pg_stat_statements, and whether one is too slow.",
    "room": "The disk is not full within a month, by what the days before filled.",
    "connections": "There are connections left, and no transaction is left open.",
    "replication": "The replica answers and is near; no slot fills the disk.",
}


@dg.asset_check(
    asset=names.HOT_COMPRESSION,
    name=SAVINGS,
    description="Closed chunks of every table save at least 90 % of the room that they took.",
    compute_kind="postgres",
)
def check_savings(home: Home) -> dg.AssetCheckResult:
    """Ask for the savings and judge them; too little is an error."""
    from pi5_pipelines.timescale import compression, connection, health

    with plain_failure(), connection.connect(connection.access(home.settings().timescale)) as opened:
        found = health.savings(compression.savings(opened))
    return check_result(SAVINGS, names.HOT_COMPRESSION, found, dg.AssetCheckSeverity.ERROR)


@dg.multi_asset_check(
    name="check_hot_tier",
    description="Look at the server's own statistics, the history of its sizes, and the replica.",
    specs=[dg.AssetCheckSpec(name, asset=names.HOT_SIZES, description=text) for name, text in CHECKS.items()],
    compute_kind="postgres",
)
def check_hot_tier(home: Home) -> Iterator[dg.AssetCheckResult]:
    """Take every look; what is not well warns."""
    from pi5_pipelines.timescale.health import examine

    with plain_failure():
        found = examine(home.settings().timescale)
    for name, one in found.items():
        yield check_result(name, names.HOT_SIZES, one, dg.AssetCheckSeverity.WARN)


def check_result(name: str, asset: str, found: "Health", severity: dg.AssetCheckSeverity) -> dg.AssetCheckResult:
    """A look as Dagster shows it: its sentence, figures to plot, and the rows as a table."""
    rows = [dg.TableRecord(row) for row in found.rows]
    return dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=found.good,
        severity=severity,
        description=found.sentence,
        metadata={**found.figures, **({"rows": dg.MetadataValue.table(rows)} if rows else {})},
    )


CHECKS_OF_HOT = [check_savings, check_hot_tier]
