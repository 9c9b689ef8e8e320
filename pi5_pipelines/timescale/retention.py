"""Chunks leave the hot tier: only behind the watermark, in a later run, and after the lake was looked at once more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import TieringError
from pi5_pipelines.timescale import cold
from pi5_pipelines.timescale.chunks import Chunk, chunks, slices
from pi5_pipelines.timescale.connection import explained
from pi5_pipelines.timescale.fingerprint import Fingerprint, of_server
from pi5_pipelines.timescale.load import merge
from pi5_pipelines.timescale.read import rows_between
from pi5_pipelines.timescale.schema import HotTable, hot_table
from pi5_pipelines.timescale.watermark import alone, keep_writers_out, repeated, watermark

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import psycopg

    from pi5_pipelines.lake.table import Lake

RECORDS = """
SELECT lake_version, verified_at FROM public.hand_overs
WHERE table_name = %s AND range_start < %s AND range_end > %s AND dropped_at IS NULL
ORDER BY range_start
"""


@dataclass(frozen=True, slots=True)
class DropReport:
    """How many chunks of a table were dropped, their rows, and those of them that nobody had handed over.

    Such strays were written past `load`; they are late rows now.
    """

    table: str
    chunks: int
    rows: int
    strays: int


def drop_handed_over(
    connection: psycopg.Connection,
    lake: Lake,
    table: str,
    *,
    verified_before: datetime,
    step: Callable[[str], None] = lambda _: None,
) -> DropReport:
    """Drop a table's chunks that lie behind its watermark and were handed over before a time, by an earlier run.

    `connection` is in autocommit mode, of an owner. Raises TieringError, and drops nothing more, when the lake does not
    hold what was handed over; LakeLockedError, LakeError, TimescaleError.
    """
    target = hot_table(table)
    dropped = rows = strays = 0
    with alone(lake, target), explained(f"table {table}"):
        limit = watermark(connection, target)
        behind = [one for one in chunks(connection, target) if limit is not None and one.end <= limit]
        for chunk in behind:
            records = connection.execute(RECORDS, (table, chunk.end, chunk.start)).fetchall()
            if any(verified_at >= verified_before for _, verified_at in records):
                continue
            versions = [version for version, _ in records]
            told, astray = _verify(connection, lake, target, chunk, versions)
            step("verified again")
            if repeated(connection, lambda c=chunk, t=told, a=astray: _drop(connection, target, c, t, a, step)):  # type: ignore[misc]
                step("dropped")
                dropped, rows, strays = dropped + 1, rows + told.rows, strays + astray.height
    return DropReport(table, dropped, rows, strays)


def _verify(
    connection: psycopg.Connection, lake: Lake, table: HotTable, chunk: Chunk, versions: list[int]
) -> tuple[Fingerprint, pl.DataFrame]:
    """What a chunk holds, and those of its rows that the lake never got; raises TieringError."""
    astray = [cold.nothing(table)]
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        told = of_server(connection, table, chunk.start, chunk.end)
        for part in slices(told, chunk.start, chunk.end):
            rows = rows_between(connection, table, *part)
            if rows is not None:
                astray.append(_astray(lake, table, rows, versions))
    return told, pl.concat(astray).sort(table.key)


def _astray(lake: Lake, table: HotTable, rows: pl.DataFrame, versions: list[int]) -> pl.DataFrame:
    """Rows that the lake does not hold, and did not when the chunk was handed over; raises TieringError.

    A row that it held then and holds otherwise now was restated there since, which is the later word.
    """
    columns = list(table.columns)
    now = cold.again(lake, table, rows)
    differing = rows.join(now, on=columns, how="anti", maintain_order="left")
    if differing.is_empty() or not versions:
        return differing
    then = cold.again(lake, table, differing, max(versions))
    lost = then.join(now, on=table.key, how="anti")
    if lost.height:
        raise TieringError(
            f"{lost.height} rows that version {max(versions)} held are gone, the first at {lost['ts'].min()!s}",
            where=f"lake table {table.name}",
            hint="they are still in TimescaleDB, unread: restore the lake with `pi5 backup restore`",
        )
    return differing.join(then, on=columns, how="anti", maintain_order="left")


def _drop(
    connection: psycopg.Connection,
    table: HotTable,
    chunk: Chunk,
    told: Fingerprint,
    astray: pl.DataFrame,
    step: Callable[[str], None],
) -> bool:
    """Drop a chunk that still holds what was verified; False when it does not, and stays for the next time."""
    with connection.transaction():
        keep_writers_out(connection, table)
        if of_server(connection, table, chunk.start, chunk.end) != told:
            return False
        if astray.height:
            merge(connection, table.late, astray)
        connection.execute(
            "SELECT drop_chunks(%s::regclass, older_than => %s, newer_than => %s)",
            (f"public.{table.name}", chunk.end, chunk.start),
        )
        connection.execute(
            "UPDATE public.hand_overs SET dropped_at = now() WHERE table_name = %s AND range_start < %s"
            " AND range_end > %s AND dropped_at IS NULL",
            (table.name, chunk.end, chunk.start),
        )
        step("drop not yet committed")
    return True
