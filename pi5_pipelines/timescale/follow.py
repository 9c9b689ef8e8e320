"""The hot tier follows the lake: what the night brought into a table of bars there comes here too, and nothing else.

A table here holds the lake's rows from some moment on (`since`, the start of a chunk), without gaps: restated rows must
arrive as surely as new ones, since chunks go back to the lake one day and would take stale values along. What has
changed between two versions of the lake's table is told by its files: rows that are in a new file and in none of those
that it replaced. A compaction therefore brings nothing.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pi5_pipelines.timescale.age import hand_over_before
from pi5_pipelines.timescale.connection import access, explained, pool
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.schema import hot_table
from pi5_pipelines.timescale.watermark import watermark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import polars as pl
    import psycopg
    from psycopg_pool import ConnectionPool

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings, TimescaleSettings
    from pi5_pipelines.timescale.load import LoadReport
    from trading.instrument import Instrument

    Progress = Callable[[int, int, str], None]

UNIX = datetime(1970, 1, 1, tzinfo=UTC)  # chunks are counted from it

STANDING = "SELECT since, lake_version, lake_files FROM public.followed WHERE table_name = %s"
CHUNK = """
SELECT time_interval FROM timescaledb_information.dimensions
WHERE hypertable_schema = 'public' AND hypertable_name = %s AND dimension_number = 1
"""
FOLLOWED = """
INSERT INTO public.followed (table_name, since, lake_version, lake_files) VALUES (%s, %s, %s, %s)
ON CONFLICT (table_name) DO UPDATE SET since = EXCLUDED.since, lake_version = EXCLUDED.lake_version,
    lake_files = EXCLUDED.lake_files, followed_at = now()
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a table here has followed the lake's."""

    since: datetime
    version: int
    files: str


@dataclass(frozen=True, slots=True)
class Followed:
    """What following did to a table; `before` is the lake's version that it held until now, None at first."""

    table: str
    since: datetime
    before: int | None
    version: int
    report: LoadReport


def follow_lake(settings: Settings, lake: Lake, progress: Progress = lambda *_: None) -> list[Followed]:
    """Bring every table of bars up to the lake's present version; raises ConfigError, TimescaleError, LakeError.

    Instruments are brought first. Interrupted anywhere, the next call completes it; with nothing new it sends nothing.
    `progress` hears of every commit: rows done, rows that may be sent at most, the table.
    """
    server = access(settings.timescale)
    with pool(server) as connections, explained(server.shown):
        return [
            follow(connections, lake, table, settings.timescale, progress)
            for table in (info.name for info in lake.tables() if info.rows)
            if table.startswith("bars_")
        ]


def follow(
    connections: ConnectionPool,
    lake: Lake,
    table: str,
    settings: TimescaleSettings,
    progress: Progress = lambda *_: None,
) -> Followed:
    """Bring one table up to the lake's present version: at first whole chunks of the days that are kept."""
    from pi5_pipelines.timescale.instruments import put_instruments

    version = lake.open(table).version()
    paths = lake.files(table, version)
    oldest, newest = _span([path for path, _ in paths])
    with connections.connection() as connection:
        before = standing(connection, table)
        limit = watermark(connection, hot_table(table))
        since = _since(connection, table, hand_over_before(settings, table, newest) or oldest, before)
        put_instruments(connection, _instruments(lake))
    known = before is not None and since == before.since and before.files == _known_files(lake, table, before.version)
    start = max(since, limit.astimezone(UTC)) if limit else since
    old = lake.files(table, before.version) if before and known else []
    frames = (frame.filter(frame["ts"] >= start) for frame in changes(paths, old))
    report = load(
        connections,
        table,
        (one for one in frames if one.height),
        rows_per_commit=settings.rows_per_commit,
        total=_most(set(paths) - set(old), start),
        progress=progress,
    )
    with connections.connection() as connection:
        connection.execute(FOLLOWED, (table, since, version, files_hash(paths)))
    return Followed(table, since, before.version if before else None, version, report)


def changes(new: Sequence[tuple[Path, str]], old: Sequence[tuple[Path, str]]) -> Iterator[pl.DataFrame]:
    """Rows of the new files that the old ones lack, a partition at a time; files in both are not opened."""
    import polars as pl

    added, gone = set(new) - set(old), set(old) - set(new)
    for period in sorted({period for _, period in added}):
        fresh = pl.read_parquet([path for path, one in sorted(added) if one == period], hive_partitioning=False)
        replaced = [path for path, one in sorted(gone) if one == period]
        if replaced:
            known = pl.read_parquet(replaced, hive_partitioning=False)
            fresh = fresh.join(known, on=fresh.columns, how="anti", maintain_order="left")
        yield fresh


def standing(connection: psycopg.Connection, table: str) -> Standing | None:
    """How far a table has followed; None when it never did."""
    row = connection.execute(STANDING, (table,)).fetchone()
    return Standing(row[0].astimezone(UTC), *row[1:]) if row else None


def files_hash(paths: Sequence[tuple[Path, str]]) -> str:
    """What tells one version's files from all others: their names are random."""
    return hashlib.sha256("\n".join(sorted(path.name for path, _ in paths)).encode()).hexdigest()


def _known_files(lake: Lake, table: str, version: int) -> str:
    """The hash of an earlier version's files; empty when the lake has no such version, or its files are gone."""
    from pi5_pipelines.errors import LakeError, UnknownNameError

    try:
        paths = lake.files(table, version)
    except (UnknownNameError, LakeError):
        return ""
    return files_hash(paths) if all(path.exists() for path, _ in paths) else ""


def _since(connection: psycopg.Connection, table: str, wanted: datetime, before: Standing | None) -> datetime:
    """The start of the chunk that a moment lies in; never later than where the table begins already."""
    row = connection.execute(CHUNK, (table,)).fetchone()
    length: timedelta = row[0] if row else timedelta(days=1)
    start = wanted - (wanted - UNIX) % length
    return min(start, before.since) if before else start


def _span(paths: Sequence[Path]) -> tuple[datetime, datetime]:
    """The times of the oldest and the newest row."""
    import polars as pl

    ts = pl.col("ts")
    scan = pl.scan_parquet(list(paths), hive_partitioning=False).select(ts.min().alias("old"), ts.max().alias("new"))
    oldest, newest = scan.collect().row(0)
    return oldest, newest


def _most(paths: set[tuple[Path, str]], start: datetime) -> int:
    """How many rows of some files lie at or after a moment."""
    import polars as pl

    if not paths:
        return 0
    scan = pl.scan_parquet(sorted(path for path, _ in paths), hive_partitioning=False)
    return int(scan.filter(pl.col("ts") >= start).select(pl.len()).collect().item())


def _instruments(lake: Lake) -> list[Instrument]:
    """Every instrument of the lake."""
    from decimal import Decimal

    from trading.instrument import Instrument

    rows = lake.read("instruments").iter_rows(named=True)
    return [Instrument(**{**row, "tick_size": Decimal(row["tick_size"]), "lot": Decimal(row["lot"])}) for row in rows]
