"""Rows into the hot tier, each exactly once however often they are sent.

What a batch would meet in the table is read first. New rows are then copied straight into the table, as fast as COPY
goes; differing ones are restated by way of a temporary table; equal ones are not touched, so that sending them again
leaves no dead tuples and decompresses nothing. Where another loader was quicker, or what there is is far more than the
batch, the whole batch goes through the temporary table.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from pi5_pipelines.timescale.connection import explained, retrying
from pi5_pipelines.timescale.edition import detect
from pi5_pipelines.timescale.instruments import known_symbols
from pi5_pipelines.timescale.late import split
from pi5_pipelines.timescale.schema import HotTable, hot_table
from pi5_pipelines.timescale.watermark import writing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl
    import psycopg
    from psycopg import sql
    from psycopg_pool import ConnectionPool

ROWS_PER_COMMIT = 250_000  # each commit waits for the disk
ROWS_INTO_COMPRESSED = 50_000  # what they touch is decompressed, and stays locked until the commit
ROWS_PER_BLOCK = 20_000  # encoded while the block before is on its way
MANY_TIMES = 2  # a batch that lies so thinly among the table's rows is compared by the server
STAGE = "pi5_stage"
DECOMPRESSION_LIMIT = "timescaledb.max_tuples_decompressed_per_dml_transaction"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What loading did to a table."""

    table: str
    inserted: int
    restated: int
    unchanged: int
    seconds: float

    @property
    def rows(self) -> int:
        """All rows that were sent."""
        return self.inserted + self.restated + self.unchanged


def load(
    pool: ConnectionPool,
    table: str,
    frames: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    rows_per_commit: int = ROWS_PER_COMMIT,
    total: int = 0,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> LoadReport:
    """Bring rows in by key, in transactions of at most `rows_per_commit`; a frame at a time is in memory.

    Frames have the table's columns (the lake's for bars), prices and sizes scaled. Repeating an interrupted load
    completes it. `progress` hears of every commit: rows done, `total` rows, the table. Raises RowsRefusedError before
    anything of a bad frame is stored, UnknownNameError, TimescaleError.
    """
    import polars as pl

    from pi5_pipelines.timescale.rows import check_symbols, conformed

    target = hot_table(table)
    started = time.perf_counter()
    inserted = restated = done = 0
    with explained(pool.name):
        with pool.connection() as connection:
            edition = detect(connection)
            known = known_symbols(connection)
        size = min(rows_per_commit, ROWS_INTO_COMPRESSED) if edition.compresses else rows_per_commit
        for frame in [frames] if isinstance(frames, pl.DataFrame) else frames:
            ready = conformed(frame, target)
            check_symbols(ready, known, target)
            for batch in ready.iter_slices(size):
                fresh, changed = retrying(lambda batch=batch: _put(pool, target, batch))  # type: ignore[misc]
                inserted, restated, done = inserted + fresh, restated + changed, done + batch.height
                progress(done, total, table)
    return LoadReport(table, inserted, restated, done - inserted - restated, time.perf_counter() - started)


def _put(pool: ConnectionPool, table: HotTable, batch: pl.DataFrame) -> tuple[int, int]:
    """Store one batch in one transaction: rows inserted, rows restated."""
    from psycopg import errors

    most = MANY_TIMES * batch.height
    with pool.connection() as connection:
        try:
            with connection.transaction():
                now, late = split(batch, writing(connection, table))
                there = _there(connection, table, now, most + 1) if late.is_empty() else None
                if there is not None and there.height <= most:
                    fresh, changed = _differing(table, now, there)
                    if fresh.height:
                        _copy(connection, table, fresh, table.name)
                    inserted, restated = merge(connection, table, changed)
                    return fresh.height + inserted, restated
        except errors.UniqueViolation:
            pass  # another loader has just brought some of these rows
        with connection.transaction():
            now, late = split(batch, writing(connection, table))
            done = merge(connection, table, now), merge(connection, table.late, late)
            return done[0][0] + done[1][0], done[0][1] + done[1][1]


def _there(connection: psycopg.Connection, table: HotTable, batch: pl.DataFrame, most: int) -> pl.DataFrame:
    """The table's rows, but at most so many, between a batch's first and last of every symbol."""
    import polars as pl

    from pi5_pipelines.timescale.encoding import TYPES, decoded

    spans = batch.group_by("symbol").agg(pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last"))
    query = _sql(
        """
        COPY (
            SELECT symbol, {arrays} FROM (
                SELECT {hot_columns}
                FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS span (symbol, first, last)
                JOIN public.{table} AS hot
                  ON hot.symbol = span.symbol COLLATE "C" AND hot.ts BETWEEN span.first AND span.last
                WHERE hot.ts BETWEEN {first} AND {last} AND hot.symbol BETWEEN {lowest} AND {highest}
                LIMIT %s
            ) AS there GROUP BY symbol
        ) TO STDOUT (FORMAT binary)
        """,
        table,
        batch,
    )
    values = (spans["symbol"].to_list(), spans["first"].to_list(), spans["last"].to_list(), most)
    with connection.cursor() as cursor, cursor.copy(query, values) as copy:
        data = b"".join(copy)
    empty = pl.DataFrame(schema={name: TYPES[kind] for name, kind in table.columns.items()})
    return pl.concat([empty, *decoded(data, table)])


def _differing(table: HotTable, batch: pl.DataFrame, there: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of a batch whose key is not there, and those that are there with other values; in the batch's order."""
    import polars as pl

    if there.is_empty():
        return batch, batch.clear()
    known = there.with_columns(known=pl.lit(value=True))
    joined = batch.join(known, on=list(table.key), how="left", suffix="_there", maintain_order="left")
    is_known = pl.col("known").fill_null(value=False)
    differs = pl.any_horizontal(pl.col(name) != pl.col(f"{name}_there") for name in table.values)
    columns = list(table.columns)
    return joined.filter(~is_known).select(columns), joined.filter(is_known & differs).select(columns)


def merge(connection: psycopg.Connection, table: HotTable, batch: pl.DataFrame) -> tuple[int, int]:
    """Store what is new or differs, by way of a temporary table: rows inserted, rows restated.

    Call it in a transaction.
    """
    if batch.is_empty():
        return 0, 0
    connection.execute(_sql(f"CREATE TEMPORARY TABLE {STAGE} (LIKE public.{{table}}) ON COMMIT DROP", table, batch))
    _copy(connection, table, batch, STAGE, "pg_temp")
    # Without statistics of the stage the planner might look every row up by itself.
    connection.execute("SET LOCAL enable_nestloop = off")
    connection.execute(
        "SELECT set_config(%s, '0', true) WHERE current_setting(%s, true) IS NOT NULL", (DECOMPRESSION_LIMIT,) * 2
    )
    query = _sql(
        """
        WITH stored AS (
            INSERT INTO public.{table} AS hot ({columns})
            SELECT {columns} FROM pg_temp.pi5_stage AS stage
            WHERE NOT EXISTS (
                SELECT FROM public.{table} AS hot
                WHERE ({hot_columns}) = ({stage_columns}) AND hot.ts BETWEEN {first} AND {last}
                  AND hot.symbol BETWEEN {lowest} AND {highest}
            )
            ORDER BY {key}
            ON CONFLICT ({key}) DO UPDATE SET {assignments}
            WHERE ({hot_values}) IS DISTINCT FROM ({new_values})
            RETURNING hot.xmax::text = '0' AS is_new
        )
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM stored
        """,
        table,
        batch,
    )
    row = connection.execute(query).fetchone()
    assert row is not None  # noqa: S101 - an aggregate answers one row
    connection.execute(f"DROP TABLE pg_temp.{STAGE}")
    return row[0], row[1]


def _copy(
    connection: psycopg.Connection, table: HotTable, batch: pl.DataFrame, into: str, schema: str = "public"
) -> None:
    from psycopg import sql
    from psycopg.copy import QueuedLibpqWriter

    from pi5_pipelines.timescale.encoding import copy_columns

    names = sql.SQL(", ").join(map(sql.Identifier, copy_columns(table)))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(sql.Identifier(schema, into), names)
    with connection.cursor() as cursor, cursor.copy(statement, writer=QueuedLibpqWriter(cursor)) as copy:
        for block in _blocks(table, batch):
            copy.write(block)


def _blocks(table: HotTable, batch: pl.DataFrame) -> Iterator[bytes]:
    from pi5_pipelines.timescale.encoding import HEADER, TRAILER, encoded

    yield HEADER
    for part in batch.iter_slices(ROWS_PER_BLOCK):
        yield encoded(part, table)
    yield TRAILER


def _sql(text: LiteralString, table: HotTable, batch: pl.DataFrame) -> sql.Composed:
    """A statement with a table's names and a sorted batch's first and last time and symbol in it.

    They are literals: only what the planner knows keeps it from opening every chunk, and from reading all of one.
    """
    from psycopg import sql

    def names(columns: Iterable[str], *qualifier: str) -> sql.Composed:
        return sql.SQL(", ").join(sql.Identifier(*qualifier, name) for name in columns)

    assignments = [sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in table.values]
    return sql.SQL(text).format(
        table=sql.Identifier(table.name),
        columns=names(table.columns),
        arrays=sql.SQL(", ").join(
            sql.SQL("array_agg({})").format(sql.Identifier(name)) for name in table.columns if name != "symbol"
        ),
        key=names(table.key),
        hot_columns=names(table.columns, "hot"),
        stage_columns=names(table.columns, "stage"),
        hot_values=names(table.values, "hot"),
        new_values=sql.SQL(", ").join(sql.SQL("EXCLUDED.{}").format(sql.Identifier(name)) for name in table.values),
        assignments=sql.SQL(", ").join(assignments),
        first=sql.Literal(batch["ts"].min()),
        last=sql.Literal(batch["ts"].max()),
        lowest=sql.Literal(batch["symbol"][0]),
        highest=sql.Literal(batch["symbol"][-1]),
    )
