"""Late rows: those before the watermark wait in an overlay table, and are then merged into the lake, each once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.timescale import cold
from pi5_pipelines.timescale.connection import explained
from pi5_pipelines.timescale.read import rows_between
from pi5_pipelines.timescale.watermark import repeated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import polars as pl
    import psycopg

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.timescale.schema import HotTable

# A partition of the lake as PostgreSQL calls it, and the most days that it has.
UNITS = {"%Y": ("year", 366), "%Y-%m": ("month", 31), "%Y-%m-%d": ("day", 1)}


@dataclass(frozen=True, slots=True)
class MergeReport:
    """How many late rows of a table were brought into the lake."""

    table: str
    rows: int


def split(batch: pl.DataFrame, watermark: datetime | None) -> tuple[pl.DataFrame, pl.DataFrame]:
    """A batch's rows that are in time, and those that are late."""
    import polars as pl

    if watermark is None:
        return batch, batch.clear()
    is_late = pl.col("ts") < watermark
    return batch.filter(~is_late), batch.filter(is_late)


def merge_late(
    connection: psycopg.Connection, lake: Lake, table: HotTable, step: Callable[[str], None] = lambda _: None
) -> MergeReport:
    """Bring a table's late rows into the lake, a partition at a time, and take away those that are there.

    One snapshot reads them and takes them away: a row that was restated meanwhile makes the transaction fail, and it is
    repeated; one that came meanwhile stays for the next time. `connection` is in autocommit mode; call it under
    `watermark.alone`. Raises TieringError, TimescaleError, LakeError.
    """
    rows = 0
    with explained(f"table {table.late.name}"):
        for low, high in _partitions(connection, table):
            rows += repeated(
                connection,
                lambda low=low, high=high: _merge(connection, lake, table, low, high, step),  # type: ignore[misc]
            )
    return MergeReport(table.name, rows)


def _partitions(connection: psycopg.Connection, table: HotTable) -> Iterator[tuple[datetime, datetime]]:
    """The lake's partitions that late rows belong to, as ranges of time."""
    from psycopg import sql

    unit, days = UNITS[schema_of(table.name).partition]
    query = sql.SQL("SELECT DISTINCT date_trunc({}, ts, 'UTC') FROM public.{} ORDER BY 1").format(
        sql.Literal(unit), sql.Identifier(table.late.name)
    )
    for (low,) in connection.execute(query).fetchall():
        start = low.astimezone(UTC)
        after = start + timedelta(days=days)
        yield start, after if unit == "day" else after.replace(day=1)


def _merge(
    connection: psycopg.Connection,
    lake: Lake,
    table: HotTable,
    low: datetime,
    high: datetime,
    step: Callable[[str], None],
) -> int:
    from psycopg import sql

    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = rows_between(connection, table.late, (), low, high)
        if rows is None:
            return 0
        step("late rows read")
        cold.put(lake, table, rows, {"reason": "late rows"})
        step("late rows in the lake")
        connection.execute(
            sql.SQL("DELETE FROM public.{} WHERE ts >= {} AND ts < {}").format(
                sql.Identifier(table.late.name), sql.Literal(low), sql.Literal(high)
            )
        )
        step("late rows deleted")
    step("late rows merged")
    return rows.height
