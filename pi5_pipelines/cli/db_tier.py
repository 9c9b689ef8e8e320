"""`pi5 db compress | tier | retain`: closed chunks take less room, move to the lake, and are dropped after it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pi5_pipelines.cli.app import App, pass_app
from pi5_pipelines.cli.options import json_flag
from pi5_pipelines.cli.screen import emit, progress, show, size, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

SAVED = ("chunks", "before", "after", "saved %")


@contextmanager
def server(app: App) -> Iterator[psycopg.Connection]:
    """A connection to the configured hot tier."""
    from pi5_pipelines.timescale import connection

    with connection.connect(connection.access(app.settings.timescale)) as opened:
        yield opened


@click.command(short_help="Compress closed chunks, where the edition can do it; say what is saved.")
@json_flag
@pass_app
def compress(app: App, *, as_json: bool) -> None:
    """Compress chunks that are older than [timescale] compress_after_days, and again those with late rows.

    On the Apache edition the hand-over to the lake is what saves room (`pi5 db tier`); the figures are the same.
    """
    from pi5_pipelines.timescale import compression
    from pi5_pipelines.timescale.age import compress_before
    from pi5_pipelines.timescale.schema import TABLES

    before = compress_before(app.settings.timescale, datetime.now(UTC))
    with progress("compress") as move, server(app) as opened:
        reports = [compression.compress(opened, name, before=before, progress=move) for name in TABLES]
        saved = compression.savings(opened)
    if as_json:
        emit(
            {
                "tables": [
                    {"table": one.table, "compressed": one.compressed, "compressed_again": one.again} for one in reports
                ],
                "savings": [
                    {
                        "table": one.table,
                        "way": one.way,
                        "chunks": one.chunks,
                        "before_bytes": one.before_bytes,
                        "after_bytes": one.after_bytes,
                        "ratio": one.ratio,
                        "saved_pct": one.saved_pct,
                    }
                    for one in saved
                ],
            }
        )
        return
    done, again = sum(one.compressed for one in reports), sum(one.again for one in reports)
    cells = [
        (one.table, one.way, one.chunks, size(one.before_bytes), size(one.after_bytes), one.saved_pct) for one in saved
    ]
    parts = [table("", ("table", "how", *SAVED), cells, numbers=SAVED)] if cells else []
    show(f"{done:,} chunks compressed, {again:,} once more.", *parts)


@click.command(short_help="Hand sealed chunks and late rows over to the lake.")
@json_flag
@pass_app
def tier(app: App, *, as_json: bool) -> None:
    """Hand over to the lake what is older than [timescale] says, verified on both sides; safe to repeat.

    The rows stay in TimescaleDB too, unread, until a later `pi5 db retain` drops them.
    """
    from pi5_pipelines.timescale import tiering
    from pi5_pipelines.timescale.age import hand_over_before
    from pi5_pipelines.timescale.schema import TABLES

    now = datetime.now(UTC)
    limits = {name: hand_over_before(app.settings.timescale, name, now) for name in TABLES}
    with progress("tier") as move, server(app) as opened:
        reports = [
            tiering.tier(opened, app.lake, name, before=before, progress=move)
            for name, before in limits.items()
            if before is not None
        ]
    if as_json:
        emit(
            {
                "tables": [
                    {
                        "table": one.table,
                        "watermark_utc": one.watermark,
                        "chunks": len(one.handed_over),
                        "rows": one.rows,
                        "late_rows": one.late_rows,
                    }
                    for one in reports
                ]
            }
        )
        return
    cells = [
        (one.table, f"{one.watermark:%Y-%m-%d}", len(one.handed_over), one.rows, one.late_rows)
        for one in reports
        if one.watermark is not None
    ]
    numbers = ("chunks", "rows", "late rows")
    show(
        table("", ("table", "in the lake before", *numbers), cells, numbers=numbers), "Next, an hour on: pi5 db retain"
    )


@click.command(short_help="Drop chunks that the lake holds, after looking there once more.")
@json_flag
@pass_app
def retain(app: App, *, as_json: bool) -> None:
    """Drop chunks that were handed over more than an hour ago, each verified against the lake's files once more."""
    from pi5_pipelines.timescale.age import drop_before
    from pi5_pipelines.timescale.retention import drop_handed_over
    from pi5_pipelines.timescale.schema import TABLES

    before = drop_before(datetime.now(UTC))
    with progress("retain") as move, server(app) as opened:
        reports = []
        for place, name in enumerate(TABLES):
            move(place, len(TABLES), name)
            reports.append(drop_handed_over(opened, app.lake, name, verified_before=before))
    if as_json:
        rows = [{"table": r.table, "chunks": r.chunks, "rows": r.rows, "strays": r.strays} for r in reports]
        emit({"tables": rows})
        return
    dropped, held = sum(one.chunks for one in reports), sum(one.rows for one in reports)
    show(f"{dropped:,} chunks dropped; the lake holds their {held:,} rows.")
