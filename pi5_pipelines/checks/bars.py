"""The gate between prices and backtests: blocking checks on the bars, made symbol by symbol."""

from collections.abc import Iterator

import dagster as dg

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.assets.figures import table_figures
from pi5_pipelines.checks.ruling import ADVISORY, Ruling, Verdict, rulings
from pi5_pipelines.resources.home import Home

CHECKS = {
    "schema": "Every bar has a symbol, a time and five numbers.",
    "duplicate_keys": "No symbol has two bars of the same time.",
    "time_order": "Times rise from bar to bar.",
    "ohlc_sanity": "High is the highest and low the lowest of a bar's prices.",
    "positive_prices": "No price is zero or below.",
    "missing_sessions": "The exchange's calendar has no session without a bar.",
    "off_session_bars": "No daily bar lies on a day without a session; one that does is told, and backtested.",
}
MOST_ROWS = 50


@dg.multi_asset_check(
    name="check_bars",
    description="Look at every symbol's bars; write the verdicts that decide who is backtested.",
    specs=[
        dg.AssetCheckSpec(name, asset=names.BARS, description=text, blocking=name not in ADVISORY)
        for name, text in CHECKS.items()
    ],
    compute_kind="polars",
    pool=names.LAKE_WRITER,
)
def check_bars(context: dg.AssetCheckExecutionContext, home: Home) -> Iterator[dg.AssetCheckResult]:
    """Write table `verdicts`; a symbol that fails warns, and only a lake without a usable symbol blocks."""
    from pi5_pipelines.ingest import check

    with plain_failure():
        lake = home.lake()
        verdicts = check(home.settings(), lake)
    figures = table_figures(lake, names.VERDICTS)
    context.op_execution_context.log_event(dg.AssetMaterialization(names.VERDICTS, metadata=figures))
    for ruling in rulings(verdicts.to_dicts(), list(CHECKS)).values():
        context.log.info("%s: %s", ruling.check, ruling.sentence)
        yield check_result(ruling)


def check_result(ruling: Ruling) -> dg.AssetCheckResult:
    """A ruling as Dagster shows it: the failed symbols as a table, the severity by whether it stops the night."""
    metadata: dict[str, dg.MetadataValue] = {
        "symbols": dg.MetadataValue.int(ruling.symbols),
        "failed": dg.MetadataValue.int(len(ruling.failed)),
    }
    if ruling.failed:
        metadata["failed_symbols"] = dg.MetadataValue.text(", ".join(sorted(row["symbol"] for row in ruling.failed)))
        metadata["verdicts"] = dg.MetadataValue.table([_record(row) for row in ruling.failed[:MOST_ROWS]])
    return dg.AssetCheckResult(
        check_name=ruling.check,
        asset_key=names.BARS,
        passed=ruling.passed,
        severity=dg.AssetCheckSeverity.ERROR if ruling.stops else dg.AssetCheckSeverity.WARN,
        description=ruling.sentence,
        metadata=metadata,
    )


def _record(row: Verdict) -> dg.TableRecord:
    return dg.TableRecord(
        {
            "symbol": row["symbol"],
            "count": row["count"],
            "first": "" if row["first_ts"] is None else str(row["first_ts"])[:19],
            "detail": row["detail"],
        }
    )
