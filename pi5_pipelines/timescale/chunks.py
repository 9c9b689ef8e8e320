"""A hypertable's chunks, and the slices in which one is read so that memory stays bounded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg

    from pi5_pipelines.timescale.fingerprint import Fingerprint
    from pi5_pipelines.timescale.schema import HotTable

ROWS_PER_SLICE = 1_000_000
CHUNKS = """
SELECT format('%%I.%%I', chunk_schema, chunk_name), chunk_name, range_start, range_end, is_compressed
FROM timescaledb_information.chunks
WHERE hypertable_schema = 'public' AND hypertable_name = %s
  AND range_end > coalesce(%s, '-infinity'::timestamptz)
ORDER BY range_start
"""
UNCOMPRESSED_BYTES = """
SELECT before_compression_total_bytes FROM chunk_compression_stats(%s::regclass) WHERE chunk_name = %s
"""

Slice = tuple[list[str], "datetime", "datetime"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """The rows of a table with start <= ts < end, and where they lie."""

    relation: str  # quoted, with its schema
    name: str
    table: str
    start: datetime
    end: datetime
    is_compressed: bool

    def bytes(self, connection: psycopg.Connection) -> int:
        """What it takes with its indexes, or took before it was compressed."""
        if self.is_compressed:
            row = connection.execute(UNCOMPRESSED_BYTES, (f"public.{self.table}", self.name)).fetchone()
        else:
            row = connection.execute("SELECT pg_total_relation_size(%s::regclass)", (self.relation,)).fetchone()
        return int(row[0]) if row and row[0] else 0


def chunks(connection: psycopg.Connection, table: HotTable, *, after: datetime | None = None) -> list[Chunk]:
    """A table's chunks in order of time; of those that reach beyond `after` the part that does."""
    rows = connection.execute(CHUNKS, (table.name, after)).fetchall()
    found = [
        Chunk(relation, name, table.name, start.astimezone(UTC), end.astimezone(UTC), is_compressed)
        for relation, name, start, end, is_compressed in rows
    ]
    return [one if after is None or one.start >= after else replace(one, start=after) for one in found]


def slices(told: Fingerprint, start: datetime, end: datetime) -> list[Slice]:
    """Symbols and times that together are a range, each of some ROWS_PER_SLICE rows at most.

    Small symbols go together; a large one is cut into equal stretches of time.
    """
    found: list[Slice] = []
    together: list[str] = []
    rows = 0
    for symbol, figures in sorted(told.by_symbol.items()):
        if figures.rows > ROWS_PER_SLICE:
            count = -(-figures.rows // ROWS_PER_SLICE)
            cuts = [start + (end - start) * place / count for place in range(count)] + [end]
            found += [([symbol], low, high) for low, high in pairwise(cuts)]
            continue
        if rows + figures.rows > ROWS_PER_SLICE:
            found.append((together, start, end))
            together, rows = [], 0
        together.append(symbol)
        rows += figures.rows
    return [*found, (together, start, end)] if together else found
