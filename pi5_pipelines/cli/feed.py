"""`pi5 feed`: what the live engine reads, published without waiting for the night."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, show, size


@click.command(short_help="Publish what the live engine reads; the night does it too.")
@json_flag
@pass_app
def feed(app: App, *, as_json: bool) -> None:
    """Write HOME/exports/market.sqlite anew: instruments, sessions, corporate actions, and bars as they were quoted.

    Bars are those of [[live.strategies]], or all where none is configured. An engine that runs keeps the file that it
    began with.
    """
    from pi5_pipelines.feed.publish import publish

    report = publish(app.settings, app.lake, now=datetime.now(UTC))
    written, missing = report.written, report.missing_text
    if as_json:
        emit(
            {
                "path": str(report.path),
                "rows": written.rows,
                "bytes": written.bytes,
                "content": written.content,
                "symbols": report.symbols,
                "missing": [{"symbol": one.symbol, "timeframe": one.timeframe} for one in report.plan.missing],
            }
        )
        return
    if missing:
        click.echo(f"the lake has no bars of {missing}", err=True)
    show(f"{report.path}: {written.rows['bars']:,} bars of {report.symbols} symbols, {size(written.bytes)}")
