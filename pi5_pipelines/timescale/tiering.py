"""The hand-over of sealed chunks to the lake, exactly once: ADR 23.

One snapshot is copied and read back from the lake's files; then, while nobody can write, the chunk is compared once
more and the watermark moves, in one transaction with the record of what was compared. Killed before that, the rows
count here, and the next run repeats it; after it, they count there. Another run drops the chunk (`retention`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING

from pi5_pipelines.errors import TieringError
from pi5_pipelines.timescale import cold
from pi5_pipelines.timescale.chunks import Chunk, chunks, slices
from pi5_pipelines.timescale.connection import explained
from pi5_pipelines.timescale.fingerprint import Fingerprint, joined, of_frame, of_server
from pi5_pipelines.timescale.late import merge_late
from pi5_pipelines.timescale.read import rows_between
from pi5_pipelines.timescale.schema import HotTable, hot_table
from pi5_pipelines.timescale.watermark import alone, keep_writers_out, move, repeated, watermark

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import psycopg

    from pi5_pipelines.lake.table import Lake

TRIES = 3  # a sealed chunk hardly ever changes while it is copied


@dataclass(frozen=True, slots=True)
class HandOver:
    """One range that is the lake's from now on: its rows, and bytes before and after."""

    table: str
    start: datetime
    end: datetime
    rows: int
    hot_bytes: int
    lake_bytes: int
    lake_version: int


@dataclass(frozen=True, slots=True)
class TierReport:
    """What a run did for a table; `watermark` is where it stands now."""

    table: str
    late_rows: int
    handed_over: tuple[HandOver, ...]
    watermark: datetime | None

    @property
    def rows(self) -> int:
        """All rows of the chunks that were handed over."""
        return sum(one.rows for one in self.handed_over)


def tier(
    connection: psycopg.Connection,
    lake: Lake,
    table: str,
    *,
    before: datetime,
    step: Callable[[str], None] = lambda _: None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> TierReport:
    """Merge a table's late rows into the lake and hand over its chunks that end by `before`, the oldest first.

    A chunk at a time, and of it a slice, is in memory. `connection` is in autocommit mode, of an owner. Repeating an
    interrupted run completes it. `step` hears what has just been done. Raises TieringError when the two sides differ,
    LakeLockedError when another process is at it, LakeError, TimescaleError.
    """
    target = hot_table(table)
    with alone(lake, target), explained(f"table {table}"):
        merged = merge_late(connection, lake, target, step)
        done: list[HandOver] = []
        sealed = [one for one in chunks(connection, target, after=watermark(connection, target)) if one.end <= before]
        for place, chunk in enumerate(sealed):
            progress(place, len(sealed), f"{table} {chunk.start:%Y-%m-%d}")
            done.append(_hand_over(connection, lake, target, chunk, step))
        progress(len(sealed), len(sealed), table)
        return TierReport(table, merged.rows, tuple(done), watermark(connection, target))


def _hand_over(
    connection: psycopg.Connection, lake: Lake, table: HotTable, chunk: Chunk, step: Callable[[str], None]
) -> HandOver:
    for _ in range(TRIES):
        told, version = repeated(connection, lambda: _copy(connection, lake, table, chunk, step))
        step("verified")
        found = HandOver(
            table.name,
            chunk.start,
            chunk.end,
            told.rows,
            chunk.bytes(connection),
            cold.bytes_of(lake, table, chunk.start, chunk.end, told.rows),
            version,
        )
        if repeated(connection, lambda told=told, found=found: _move(connection, table, told, found, step)):  # type: ignore[misc]
            step("moved")
            return found
    raise TieringError(
        f"its rows from {chunk.start:%Y-%m-%d} on changed {TRIES} times while they were copied",
        where=f"table {table.name}",
        hint="nothing is lost; repeat it when less is written so far back",
    )


def _copy(
    connection: psycopg.Connection, lake: Lake, table: HotTable, chunk: Chunk, step: Callable[[str], None]
) -> tuple[Fingerprint, int]:
    """Bring a chunk's rows into the lake and compare: what both sides hold, and the lake's version that does."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        told = of_server(connection, table, chunk.start, chunk.end)
        parts = slices(told, chunk.start, chunk.end)
        step("read")
        rows = None
        note = {"reason": "hand-over", "from": chunk.start.isoformat(), "to": chunk.end.isoformat()}
        for part in parts:
            rows = rows_between(connection, table, *part)
            if rows is not None:
                lake.upsert(table.name, rows, note=note)
                step("in the lake")
        version = lake.version(table.name)
        there = []
        for part in parts:
            if len(parts) > 1:
                rows = rows_between(connection, table, *part)
            if rows is not None:
                there.append(of_frame(cold.again(lake, table, rows, version), table))
    if joined(there, table) != told:
        raise TieringError(
            f"the lake answers other rows than were written, from {chunk.start:%Y-%m-%d} on",
            where=f"lake table {table.name}",
            hint="the rows still count in TimescaleDB; see that nobody else writes them to the lake, then repeat it",
        )
    return told, -1 if version is None else version


def _move(
    connection: psycopg.Connection, table: HotTable, told: Fingerprint, found: HandOver, step: Callable[[str], None]
) -> bool:
    """Move the watermark behind a chunk whose rows are still those; False when they are not."""
    from psycopg.types.json import Jsonb

    with connection.transaction():
        keep_writers_out(connection, table)
        step("locked")
        if of_server(connection, table, found.start, found.end) != told:
            return False
        connection.execute(
            """
            INSERT INTO public.hand_overs (table_name, range_start, range_end, row_count, first_ts, last_ts, sums, hash,
                                           lake_table, lake_version, hot_bytes, lake_bytes)
            VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
            """,
            (
                table.name,
                found.start,
                found.end,
                told.rows,
                told.first and told.first.astimezone(UTC),
                told.last and told.last.astimezone(UTC),
                Jsonb({name: str(total) for name, total in told.sums.items()}),
                told.hash,
                table.name,
                found.lake_version,
                found.hot_bytes,
                found.lake_bytes,
            ),
        )
        move(connection, table, found.end)
        step("recorded")
    return True
