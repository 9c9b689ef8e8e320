"""Rows out of the hot tier into Polars.

PostgreSQL sends a message for every row of a COPY, and taking those apart costs a client ten times what they hold. So
the server gathers each symbol's columns into arrays, and a message carries a symbol's whole stretch. Nothing here
writes, not even a temporary table: it works on a replica.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.timescale.connection import explained
from pi5_pipelines.timescale.schema import HotTable, hot_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import polars as pl
    import psycopg
    from psycopg import sql

CHUNKS = """
SELECT range_start, range_end FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = %s
  AND range_end > coalesce(%s, '-infinity'::timestamptz) AND range_start < coalesce(%s, 'infinity'::timestamptz)
ORDER BY range_start
"""


def read(
    connection: psycopg.Connection,
    table: str,
    *,
    symbols: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> pl.DataFrame:
    """Rows with start <= ts < end, prices and sizes scaled, in order of the key; no symbols means all.

    `connection` is in autocommit mode. Raises UnknownNameError, TimescaleError.
    """
    import polars as pl

    from pi5_pipelines.timescale.encoding import TYPES

    target = hot_table(table)
    empty = pl.DataFrame(schema={name: TYPES[kind] for name, kind in target.columns.items()})
    frames = list(read_chunks(connection, table, symbols=symbols, start=start, end=end))
    return pl.concat([empty, *frames]).sort(target.key)


def read_chunks(
    connection: psycopg.Connection,
    table: str,
    *,
    symbols: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[pl.DataFrame]:
    """The same rows a chunk at a time, earlier chunks first, each in order of the key: all from one snapshot."""
    target = hot_table(table)
    with explained(f"table {table}"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ranges = connection.execute(CHUNKS, (table, start, end)).fetchall() or [(None, None)]
        for first, last in ranges:
            low = max((one for one in (first, start) if one is not None), default=None)
            high = min((one for one in (last, end) if one is not None), default=None)
            frame = _chunk(connection, target, symbols, low, high)
            if frame is not None:
                yield frame


def _chunk(
    connection: psycopg.Connection, table: HotTable, symbols: Sequence[str], low: datetime | None, high: datetime | None
) -> pl.DataFrame | None:
    import polars as pl

    from pi5_pipelines.timescale.encoding import decoded

    with connection.cursor() as cursor, cursor.copy(_query(table, symbols, low, high)) as copy:
        data = b"".join(copy)
    frames = list(decoded(data, table))
    return pl.concat(frames).sort(table.key) if frames else None


def _query(table: HotTable, symbols: Sequence[str], low: datetime | None, high: datetime | None) -> sql.Composed:
    from psycopg import sql

    arrays = [sql.SQL("array_agg({})").format(sql.Identifier(name)) for name in table.columns if name != "symbol"]
    conditions: list[sql.Composable] = [sql.SQL("true")]
    if symbols:
        conditions.append(sql.SQL("symbol = ANY ({})").format(sql.Literal(list(symbols))))
    if low is not None:
        conditions.append(sql.SQL("ts >= {}").format(sql.Literal(low)))
    if high is not None:
        conditions.append(sql.SQL("ts < {}").format(sql.Literal(high)))
    return sql.SQL("COPY (SELECT symbol, {} FROM public.{} WHERE {} GROUP BY symbol) TO STDOUT (FORMAT binary)").format(
        sql.SQL(", ").join(arrays), sql.Identifier(table.name), sql.SQL(" AND ").join(conditions)
    )
