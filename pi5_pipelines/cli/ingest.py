"""`pi5 ingest`: bring new prices into the lake and judge them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.failure import DONE, FAILED
from pi5_pipelines.cli.options import check_range, day_range, json_flag
from pi5_pipelines.cli.screen import emit, keep_stderr, progress, show, table

if TYPE_CHECKING:
    from datetime import date

    from pi5_pipelines.ingest import IngestReport

COUNTS = ("fetched", "new", "restated", "unchanged")


@click.command(short_help="Fetch new prices into the lake, and check them.")
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; again for more.")
@click.option("--source", "sources", multiple=True, metavar="NAME", help="Only from this source; again for more.")
@day_range
@json_flag
@pass_app
def ingest(
    app: App,
    *,
    symbols: tuple[str, ...],
    sources: tuple[str, ...],
    start: date | None,
    end: date | None,
    as_json: bool,
) -> int:
    """Fetch what is missing (or the given days anew) into the lake, and check it.

    Exit code 1 when a file was rejected; the others are taken all the same.
    """
    from pi5_pipelines import ingest as work

    check_range(start, end)
    keep_stderr()
    with progress("ingest") as move:
        report = work.ingest(
            app.settings, app.lake, start=start, end=end, symbols=symbols, sources=sources, progress=move
        )
    bad = judge(app)
    if as_json:
        emit(document_of(report, bad, {info.name: info.version for info in app.lake.tables()}))
    else:
        tell(report, bad)
    return FAILED if report.refused else DONE


def judge(app: App) -> list[dict[str, Any]]:
    """Check all bars anew; answers the checks that did not pass."""
    import polars as pl

    from pi5_pipelines.ingest import check

    if app.lake.version(f"bars_{app.settings.ingest.timeframe}") is None:
        return []
    failed = check(app.settings, app.lake).filter(~pl.col("passed"))
    return failed.select("symbol", "check", "detail").to_dicts()


def document_of(report: IngestReport, bad: list[dict[str, Any]], versions: dict[str, int]) -> dict[str, Any]:
    """The report for machines; `versions` are the tables' versions once the checks are written too."""
    symbols = [
        {"new" if key == "inserted" else key: value for key, value in asdict(one).items()} for one in report.symbols
    ]
    return {
        "symbols": symbols,
        "rejected": [asdict(one) for one in report.refused],
        "failed_checks": bad,
        "versions": versions,
    }


def tell(report: IngestReport, bad: list[dict[str, Any]]) -> None:
    """The report for people: a table, then a line for each file and each check that did not pass."""
    rows = [(one.symbol, one.source, one.fetched, one.inserted, one.restated, one.unchanged) for one in report.symbols]
    show(table("", ("symbol", "source", *COUNTS), rows, numbers=COUNTS) if rows else "Nothing new.")
    for refused in report.refused:
        click.echo(f"rejected: {' '.join(refused.reason.split())}", err=True)
    for one in bad:
        click.echo(f"check failed: {one['symbol']} {one['check']}: {one['detail']}", err=True)
    if report.versions:
        show("Next: pi5 backtest sma_cross --symbol SYMBOL   or   pi5 data list")
    else:
        show("The lake is empty: drop CSV files into the inbox, or name a source in [ingest] of pi5.toml.")
