"""The lake's side of a hand-over: rows are put there, read back from its files, and compared with what was sent."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import TieringError
from pi5_pipelines.lake import damage
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.timescale.encoding import TYPES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.timescale.schema import HotTable

STEP = timedelta(microseconds=1)


def put(lake: Lake, table: HotTable, rows: pl.DataFrame, note: dict[str, str]) -> pl.DataFrame:
    """Bring rows into the lake and answer them as its files now hold them; raises TieringError, LakeError."""
    lake.upsert(table.name, rows, note=note)
    stored = again(lake, table, rows)
    if not stored.equals(rows):
        raise TieringError(
            f"of {rows.height} rows that were written the lake answers {stored.height}, or others",
            where=f"lake table {table.name}",
            hint="nothing was taken away from TimescaleDB; look at the disk, then repeat it",
        )
    return stored


def again(lake: Lake, table: HotTable, rows: pl.DataFrame, version: int | None = None) -> pl.DataFrame:
    """Those rows of the lake that have the keys of `rows`, read from its files, in order of the key."""
    if rows.is_empty():
        return rows
    low, high = rows["ts"].min(), rows["ts"].max()
    stored = between(lake, table, low, high + STEP, symbols=rows["symbol"].unique().to_list(), version=version)  # type: ignore[operator, arg-type]
    return stored.join(rows.select(table.key), on=table.key, how="semi").sort(table.key)


def between(
    lake: Lake,
    table: HotTable,
    low: datetime | None,
    high: datetime | None,
    *,
    symbols: Sequence[str] = (),
    version: int | None = None,
) -> pl.DataFrame:
    """The lake's rows with low <= ts < high in the hot tier's types, unsorted; opens no file of other partitions.

    Raises LakeDamagedError.
    """
    schema, types = schema_of(table.name), dict(nothing(table).schema)
    if lake.version(table.name) is None:
        return nothing(table)
    first, last = _periods(schema.partition, low, high)
    files = [path for path, period in lake.files(table.name, version) if first <= period <= last]
    if not files:
        return nothing(table)
    scan = pl.scan_parquet(files, hive_partitioning=False)
    if symbols:
        scan = scan.filter(pl.col("symbol").is_in(list(symbols)))
    if low is not None:
        scan = scan.filter(pl.col("ts") >= low.astimezone(UTC))
    if high is not None:
        scan = scan.filter(pl.col("ts") < high.astimezone(UTC))
    return damage.collect(scan.select(pl.col(name).cast(kind) for name, kind in types.items()), table.name)


def nothing(table: HotTable) -> pl.DataFrame:
    """No rows, in the hot tier's types."""
    return pl.DataFrame(schema={name: TYPES[kind] for name, kind in table.columns.items()})


def bytes_of(lake: Lake, table: HotTable, low: datetime, high: datetime, rows: int) -> int:
    """What so many rows of a range take there: their share of the files of its partitions."""
    schema = schema_of(table.name)
    first, last = _periods(schema.partition, low, high)
    files = [path for path, period in lake.files(table.name) if first <= period <= last]
    stored = pl.scan_parquet(files, hive_partitioning=False).select(pl.len()).collect().item() if files else 0
    return round(sum(path.stat().st_size for path in files) * rows / stored) if stored else 0


def _periods(pattern: str, low: datetime | None, high: datetime | None) -> tuple[str, str]:
    """The first and last partition of a range; their names sort as their times do."""
    first = low.astimezone(UTC).strftime(pattern) if low else ""
    return first, (high - STEP).astimezone(UTC).strftime(pattern) if high else "~"
