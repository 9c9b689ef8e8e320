"""Rows into the hot tier, each exactly once however often they are sent.

A batch whose stretch of every symbol is still empty is copied straight into the table, as fast as COPY goes. Any other
goes through a temporary table: new rows are inserted, differing ones restated, and equal ones are not touched, so that
sending them again leaves no dead tuples and decompresses nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from pi5_pipelines.timescale.connection import explained, retrying
from pi5_pipelines.timescale.edition import detect
from pi5_pipelines.timescale.instruments import known_symbols
from pi5_pipelines.timescale.schema import HotTable, hot_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import polars as pl
    import psycopg
    from psycopg import sql
    from psycopg_pool import ConnectionPool

ROWS_PER_COMMIT = 100_000
ROWS_INTO_COMPRESSED = 50_000  # what they touch is decompressed, and stays locked until the commit
ROWS_PER_BLOCK = 20_000  # encoded while the block before is on its way
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

    with pool.connection() as connection:
        try:
            with connection.transaction():
                if _is_empty(connection, table, batch):
                    _copy(connection, table, batch, table.name)
                    return batch.height, 0
        except errors.UniqueViolation:
            pass  # another loader has just brought some of these rows
        with connection.transaction():
            return _merge(connection, table, batch)


def _is_empty(connection: psycopg.Connection, table: HotTable, batch: pl.DataFrame) -> bool:
    """Whether the table holds no row between a batch's first and last of any symbol."""
    import polars as pl

    spans = batch.group_by("symbol").agg(pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last"))
    query = _sql(
        """
        SELECT EXISTS (
            SELECT FROM unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS span (symbol, first, last)
            WHERE EXISTS (
                SELECT FROM public.{table} AS hot
                WHERE hot.symbol = span.symbol COLLATE "C" AND hot.ts BETWEEN span.first AND span.last
                  AND hot.ts BETWEEN {first} AND {last}
            )
        )
        """,
        table,
        batch,
    )
    row = connection.execute(query, (spans["symbol"].to_list(), spans["first"].to_list(), spans["last"].to_list()))
    return row.fetchone() == (False,)


def _merge(connection: psycopg.Connection, table: HotTable, batch: pl.DataFrame) -> tuple[int, int]:
    """Store what is new or differs, by way of a temporary table: rows inserted, rows restated."""
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
