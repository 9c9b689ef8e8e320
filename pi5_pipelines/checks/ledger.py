"""Whether the ledger balances, and whether it is the engine's own state."""

from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.resources.home import Home

if TYPE_CHECKING:
    from pi5_pipelines.settings import Settings

NO_JOURNAL = "there is no journal yet"


@dg.asset_check(
    asset=names.LEDGER_POSTINGS,
    name=names.BALANCED,
    description="Debits are credits in every event of the newest 100,000, and cost and cash of all strategies are what "
    "was earned.",
    compute_kind="deltalake",
)
def check_balanced(home: Home) -> dg.AssetCheckResult:
    """Add up; what is left over is an error."""
    from pi5_pipelines.ledger import audit

    with plain_failure():
        problems = audit.unbalanced(home.lake(), _epoch(home.settings()), newest=audit.RECENT_EVENTS)
    return _result(names.LEDGER_POSTINGS, names.BALANCED, problems, "everything adds up to nothing")


@dg.asset_check(
    asset=names.LEDGER_POSTINGS,
    name=names.AUDIT,
    description="Positions, cash and orders are those of the engine's own fold of the whole journal up to the ledger's "
    "last event, and debits are credits in every event.",
    compute_kind="sqlite",
)
def check_audit(home: Home) -> dg.AssetCheckResult:
    """Fold and compare; any difference is an error. Without a journal there is nothing to compare."""
    from pi5_pipelines.ledger import audit
    from pi5_pipelines.ledger.source import journal_file

    if not journal_file(home.settings()).exists():
        return _result(names.LEDGER_POSTINGS, names.AUDIT, [], NO_JOURNAL)
    with plain_failure():
        seq, differences = audit.differing(home.settings())
        problems = [*differences, *audit.unbalanced(home.lake(), _epoch(home.settings()))]
    return _result(names.LEDGER_POSTINGS, names.AUDIT, problems, f"the engine's own state after event {seq:,}")


@dg.asset_check(
    asset=names.HOT_LEDGER,
    name=names.AS_IN_THE_LAKE,
    description="Every row of the ledger in TimescaleDB is that of the lake, and none is lacking.",
    compute_kind="postgres",
)
def check_hot_ledger(home: Home) -> dg.AssetCheckResult:
    """Compare row by row; any difference is an error."""
    from pi5_pipelines.ledger.hot import differing
    from pi5_pipelines.ledger.source import journal_file

    if not journal_file(home.settings()).exists():
        return _result(names.HOT_LEDGER, names.AS_IN_THE_LAKE, [], NO_JOURNAL)
    with plain_failure():
        problems = differing(home.settings())
    return _result(names.HOT_LEDGER, names.AS_IN_THE_LAKE, problems, "the same rows in both stores")


def _epoch(settings: "Settings") -> str:
    from live_engine.journal.reader import JournalReader
    from pi5_pipelines.ledger.source import journal_file, plainly

    with plainly(), JournalReader(journal_file(settings)) as reader:
        return reader.epoch()


def _result(asset: str, name: str, problems: list[str], good: str) -> dg.AssetCheckResult:
    from pi5_pipelines.ledger import audit

    return dg.AssetCheckResult(
        check_name=name,
        asset_key=asset,
        passed=not problems,
        severity=dg.AssetCheckSeverity.ERROR,
        description=audit.summary(problems) if problems else good,
        metadata={"problems": len(problems)},
    )


CHECKS_OF_LEDGER = [check_balanced, check_audit]
