"""Hot and cold as one: what a reader sees, from one snapshot of the hot tier and the lake as it was after that.

Below the watermark the lake holds a row, at or above it the hot tier does, and a late row overrides either. Where the
lake also holds rows above the watermark, they count only under keys that the hot tier does not have: ADR 24.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.timescale import cold
from pi5_pipelines.timescale.connection import explained
from pi5_pipelines.timescale.read import rows_between
from pi5_pipelines.timescale.schema import HotTable, hot_table
from pi5_pipelines.timescale.watermark import watermark

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import polars as pl
    import psycopg

    from pi5_pipelines.lake.table import Lake


def union_rows(
    connection: psycopg.Connection,
    lake: Lake,
    table: str,
    *,
    symbols: Sequence[str] = (),
    start: datetime | None = None,
    end: datetime | None = None,
) -> pl.DataFrame:
    """A table's rows with start <= ts < end, each once, prices and sizes scaled, in order of the key.

    `connection` is in autocommit mode. Raises UnknownNameError, TimescaleError, LakeError.
    """
    target = hot_table(table)
    with explained(f"table {table}"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        limit = watermark(connection, target)
        low = max((one for one in (start, limit) if one is not None), default=None)
        empty = cold.nothing(target)
        hot = rows_between(connection, target, symbols, low, end)
        late = rows_between(connection, target.late, symbols, start, end)
    # Only now: what moved to the lake after that snapshot is there twice, what moved before it is not missed.
    stored = cold.between(lake, target, start, end, symbols=symbols)
    return merged(target, limit, empty if hot is None else hot, empty if late is None else late, stored)


def merged(
    table: HotTable, limit: datetime | None, hot: pl.DataFrame, late: pl.DataFrame, stored: pl.DataFrame
) -> pl.DataFrame:
    """One row a key: the late one, else the hot one at or above the watermark, else the lake's."""
    import polars as pl

    key = list(table.key)
    fresh = hot if limit is None else hot.filter(pl.col("ts") >= limit)
    fresh = pl.concat([late, fresh.join(late, on=key, how="anti")])
    return pl.concat([fresh, stored.join(fresh, on=key, how="anti")]).sort(key)
