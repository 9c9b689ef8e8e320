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
    stretches: dict[str, list[pl.DataFrame]] = {}
    for chunk in _chunks(connection, target, symbols, start, end):
        for symbol, frame in chunk:
            stretches.setdefault(symbol, []).append(frame)
    return pl.concat([empty, *(frame for symbol in sorted(stretches) for frame in stretches[symbol])])


def read_chunks(
    connection: psycopg.Connection,
    table: str,
    *,
    symbols: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> Iterator[pl.DataFrame]:
    """The same rows a chunk at a time, earlier chunks first, each in order of the key: all from one snapshot."""
    import polars as pl

    for chunk in _chunks(connection, hot_table(table), symbols, start, end):
        yield pl.concat([frame for _, frame in chunk])


def rows_between(
    connection: psycopg.Connection, table: HotTable, symbols: Sequence[str], low: datetime | None, high: datetime | None
) -> pl.DataFrame | None:
    """Rows with low <= ts < high in order of the key, None when there are none; in the caller's transaction."""
    import polars as pl

    stretches = _chunk(connection, table, symbols, low, high)
    return pl.concat([frame for _, frame in stretches]) if stretches else None


def _chunks(
    connection: psycopg.Connection,
    table: HotTable,
    symbols: Sequence[str],
    start: datetime | None,
    end: datetime | None,
) -> Iterator[list[tuple[str, pl.DataFrame]]]:
    """Every chunk that holds any of the rows, as its symbols' stretches in order."""
    with explained(f"table {table.name}"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        ranges = connection.execute(CHUNKS, (table.name, start, end)).fetchall() or [(None, None)]
        for first, last in ranges:
            low = max((one for one in (first, start) if one is not None), default=None)
            high = min((one for one in (last, end) if one is not None), default=None)
            chunk = _chunk(connection, table, symbols, low, high)
            if chunk:
                yield chunk


def _chunk(
    connection: psycopg.Connection, table: HotTable, symbols: Sequence[str], low: datetime | None, high: datetime | None
) -> list[tuple[str, pl.DataFrame]]:
    from pi5_pipelines.timescale.encoding import decoded

    with connection.cursor() as cursor, cursor.copy(_query(table, symbols, low, high)) as copy:
        data = b"".join(copy)
    stretches = ((str(frame["symbol"][0]), frame) for frame in decoded(data, table))
    return sorted(((symbol, _in_order(frame, table)) for symbol, frame in stretches), key=lambda one: one[0])


def _in_order(frame: pl.DataFrame, table: HotTable) -> pl.DataFrame:
    """One symbol's rows in order of the key; they mostly lie that way already."""
    alone = table.key == ("symbol", "ts")
    return frame if alone and frame["ts"].is_sorted() else frame.sort(table.key[1:])


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
