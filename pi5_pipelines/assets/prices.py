"""Prices as they came and as the lake keeps them: one step, since they are written together or not at all."""

import time
from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from pi5_pipelines.assets import names
from pi5_pipelines.assets.failure import plain_failure
from pi5_pipelines.assets.figures import Figures, table_figures
from pi5_pipelines.errors import ConfigError
from pi5_pipelines.resources.home import Home
from pi5_pipelines.settings import load_settings
from pi5_pipelines.sources import describe

if TYPE_CHECKING:
    from pi5_pipelines.ingest import IngestReport

INBOX_CHECK = "inbox_files_taken"
RETRIES = dg.RetryPolicy(max_retries=3, delay=10, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)

CONFIGURED = load_settings().ingest.sources
SOURCES = [
    dg.AssetSpec(name, description=describe(name), group_name=names.SOURCES, kinds={"file"}, owners=names.DATA_TEAM)
    for name in CONFIGURED
]
VERDICTS = dg.AssetSpec(
    names.VERDICTS,
    description="Per symbol and check: passed or not, how often, where first. The checks on the bars write it; "
    "a symbol with a failed verdict is left out of the backtests.",
    deps=[names.BARS],
    group_name=names.LAKE,
    kinds={"deltalake", "polars"},
    owners=names.DATA_TEAM,
)


class Range(dg.Config):
    """What to fetch: nothing said means everything that is missing. Days as 2024-12-31, both inclusive."""

    start: str = ""
    end: str = ""
    symbols: list[str] = Field(default_factory=list)

    def day(self, name: str) -> date | None:
        """The day given as `start` or `end`, None when not given; raises ConfigError."""
        text = str(getattr(self, name))
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise ConfigError(
                f"{name} is {text!r}, not a day", where="run config of ingest_prices", hint="write it as 2024-12-31"
            ) from error


def _table(name: str, description: str, *deps: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        description=description,
        deps=list(deps),
        group_name=names.LAKE,
        kinds={"deltalake", "polars"},
        owners=names.DATA_TEAM,
        tags={"cadence": "nightly"},
    )


@dg.multi_asset(
    name="ingest_prices",
    description="Ask every source for what is missing, keep it as it came, and bring the lake's tables up to date.",
    specs=[
        _table(names.RAW_FILES, "Every file as it came, by its sha256; never changed.", *CONFIGURED),
        _table(names.INSTRUMENTS, "How each symbol is quoted: tick, scale, lot, currency, calendar.", names.RAW_FILES),
        _table(names.ACTIONS, "Splits and dividends as events, applied when bars are read.", names.RAW_FILES),
        _table(
            names.BARS,
            "Daily bars, not adjusted, prices as scaled whole numbers; one row a symbol and session.",
            names.RAW_FILES,
            names.INSTRUMENTS,
        ),
    ],
    check_specs=[
        dg.AssetCheckSpec(INBOX_CHECK, asset=names.RAW_FILES, description="Every file in the inbox could be taken.")
    ],
    retry_policy=RETRIES,
    pool=names.LAKE_WRITER,
)
def ingest_prices(
    context: dg.AssetExecutionContext, home: Home, config: Range
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Fetch and write; then say what each table holds, and which files of the inbox were left lying."""
    from pi5_pipelines.ingest import ingest

    started = time.perf_counter()
    with plain_failure():
        lake = home.lake()
        report = ingest(home.settings(), lake, start=config.day("start"), end=config.day("end"), symbols=config.symbols)
    shared = {**report_figures(report), "seconds": time.perf_counter() - started}
    for table in names.PRICES:
        yield dg.MaterializeResult(asset_key=table, metadata={**shared, **table_figures(lake, table)})
    context.log.info("%d rows fetched, %d files refused", report.fetched, len(report.refused))
    yield inbox_result(report)


def report_figures(report: "IngestReport") -> Figures:
    """What came in, over all symbols."""
    return {
        "rows_fetched": report.fetched,
        "rows_inserted": sum(one.inserted for one in report.symbols),
        "rows_restated": report.restated,
        "symbols": len({one.symbol for one in report.symbols}),
        "files_refused": len(report.refused),
    }


def inbox_result(report: "IngestReport") -> dg.AssetCheckResult:
    """A warning that names every file left lying, with the reason."""
    refused = report.refused
    rows = [dg.TableRecord({"file": one.file, "reason": one.reason}) for one in refused]
    lines = "; ".join(one.reason for one in refused)
    return dg.AssetCheckResult(
        check_name=INBOX_CHECK,
        asset_key=names.RAW_FILES,
        passed=not refused,
        severity=dg.AssetCheckSeverity.WARN,
        description=lines or "no file was refused",
        metadata={"files_refused": len(refused), **({"files": dg.MetadataValue.table(rows)} if rows else {})},
    )
