"""Closed chunks take less room: compressed in place where the edition can do it, else handed over to the lake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi5_pipelines.timescale.connection import explained
from pi5_pipelines.timescale.edition import detect
from pi5_pipelines.timescale.schema import TABLES, HotTable, hot_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import psycopg

PARTIAL = 8 | 2  # of a chunk's status: rows came after it was compressed, into its heap or into batches of their own
# A batch of 1,000 rows holds one symbol; late rows make a compressed chunk partial.
DUE = """
SELECT format('%%I.%%I', c.schema_name, c.table_name), h.table_name, i.is_compressed
FROM timescaledb_information.chunks AS i
JOIN _timescaledb_catalog.chunk AS c ON c.schema_name = i.chunk_schema AND c.table_name = i.chunk_name
JOIN _timescaledb_catalog.hypertable AS h ON h.id = c.hypertable_id
WHERE i.hypertable_schema = 'public' AND i.hypertable_name = %s AND i.range_end <= %s
  AND (NOT i.is_compressed OR c.status & %s <> 0)
ORDER BY i.range_start
"""
HANDED_OVER = """
SELECT table_name, count(*), sum(row_count), sum(hot_bytes), sum(lake_bytes)
FROM public.hand_overs WHERE row_count > 0 GROUP BY table_name ORDER BY table_name
"""
COMPRESSED = """
SELECT number_compressed_chunks, before_compression_total_bytes, after_compression_total_bytes
FROM hypertable_compression_stats(%s::regclass)
"""


@dataclass(frozen=True, slots=True)
class Saving:
    """What a table's closed chunks took with their indexes, and take now; `way` is "compressed" or "lake"."""

    table: str
    way: str
    chunks: int
    before_bytes: int
    after_bytes: int

    @property
    def ratio(self) -> float:
        """How many times smaller they became."""
        return self.before_bytes / self.after_bytes if self.after_bytes else 1.0

    @property
    def saved_pct(self) -> float:
        """Percent of the room that is free again."""
        return 100.0 * (1.0 - self.after_bytes / self.before_bytes) if self.before_bytes else 0.0


@dataclass(frozen=True, slots=True)
class CompressReport:
    """How many of a table's chunks were compressed, and how many again because of late rows."""

    table: str
    compressed: int
    again: int


def enable(connection: psycopg.Connection) -> list[str]:
    """Tell the Community edition how to compress every table that it may not compress yet; answers which these were.

    Nothing to do on the Apache edition. `connection` is in autocommit mode, of an owner. Raises TimescaleError.
    """
    from psycopg import sql

    if not detect(connection).compresses:
        return []
    query = """
    SELECT hypertable_name FROM timescaledb_information.hypertables
    WHERE hypertable_schema = 'public' AND NOT compression_enabled AND hypertable_name = ANY (%s)
    ORDER BY hypertable_name
    """
    with explained("compression"):
        names = [name for (name,) in connection.execute(query, (list(TABLES),)).fetchall()]
        for name in names:
            statement = sql.SQL(
                "ALTER TABLE public.{} SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol',"
                " timescaledb.compress_orderby = {})"
            ).format(sql.Identifier(name), sql.Literal(order(hot_table(name))))
            connection.execute(statement)
    return names


def order(table: HotTable) -> str:
    """The columns by which rows of a symbol are ordered when they are compressed."""
    return ", ".join(name for name in table.key if name != "symbol")


def compress(
    connection: psycopg.Connection,
    table: str,
    *,
    before: datetime,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> CompressReport:
    """Compress a table's chunks that end by `before`, and again those that got late rows since.

    Each in a transaction of its own. On the Apache edition nothing is done. `connection` is in autocommit mode, of an
    owner. Raises TimescaleError.
    """
    hot_table(table)
    if not detect(connection).compresses:
        return CompressReport(table, 0, 0)
    enable(connection)
    counts = {False: 0, True: 0}
    with explained(f"table {table}"):
        due = connection.execute(DUE, (table, before, PARTIAL)).fetchall()
        for place, (chunk, name, again) in enumerate(due):
            progress(place, len(due), str(name))
            connection.execute("SELECT compress_chunk(%s::regclass, if_not_compressed => true)", (chunk,))
            counts[again] += 1
        progress(len(due), len(due), table)
    return CompressReport(table, counts[False], counts[True])


def savings(connection: psycopg.Connection) -> list[Saving]:
    """What every table's closed chunks save: by TimescaleDB's own statistics, else by the figures of the hand-overs.

    A table without closed chunks is left out. Raises TimescaleError.
    """
    with explained("compression"):
        if not detect(connection).compresses:
            rows = connection.execute(HANDED_OVER).fetchall()
            return [Saving(table, "lake", count, int(before), int(after)) for table, count, _, before, after in rows]
        found = []
        for table in TABLES:
            row = connection.execute(COMPRESSED, (f"public.{table}",)).fetchone()
            if row and row[0]:
                found.append(Saving(table, "compressed", row[0], int(row[1]), int(row[2])))
        return found
