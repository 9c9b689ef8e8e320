"""`pi5 db load`: the lake's newest bars into the hot tier, without waiting for the night."""

from __future__ import annotations

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, progress, show, table

NUMBERS = ("new", "restated", "as they were", "seconds")


@click.command(short_help="Bring the lake's newest bars here; the night does it too.")
@json_flag
@pass_app
def load(app: App, *, as_json: bool) -> None:
    """Bring every table of bars up to the lake's present version: only what is new or restated there is sent.

    How far back it goes is said by [timescale] keep_minute_bars_days and keep_long_bars_days. Safe to repeat; what was
    interrupted is completed.
    """
    from pi5_pipelines.timescale.follow import follow_lake

    with progress("load") as move:
        followed = follow_lake(app.settings, app.lake, progress=move)
    if as_json:
        emit(
            {
                "tables": [
                    {
                        "table": one.table,
                        "since_utc": one.since,
                        "lake_version": one.version,
                        "lake_version_before": one.before,
                        "inserted": one.report.inserted,
                        "restated": one.report.restated,
                        "unchanged": one.report.unchanged,
                        "seconds": one.report.seconds,
                    }
                    for one in followed
                ]
            }
        )
        return
    if not followed:
        show("The lake holds no bars yet.", "Next: pi5 ingest")
        return
    rows = [
        (
            one.table,
            f"{one.since:%Y-%m-%d}",
            one.version,
            *(one.report.inserted, one.report.restated, one.report.unchanged, one.report.seconds),
        )
        for one in followed
    ]
    show(table("", ("table", "since", "lake version", *NUMBERS), rows, numbers=("lake version", *NUMBERS)))
