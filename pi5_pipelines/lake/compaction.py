"""Fewer files and no stale ones: partitions of several files become one, files that no kept version needs go."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.durable import fsync_file, write_bytes_durably
from pi5_pipelines.lake import durability
from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.lake.table import Lake

VERSIONS_PER_CHECKPOINT = 100
HOURS_PER_DAY = 24


@dataclass(frozen=True, slots=True)
class CompactReport:
    """One table's data files and bytes before and after; the same where there was nothing to do."""

    table: str
    files_before: int
    files_after: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class VacuumReport:
    """How many files of one table were deleted, and their bytes."""

    table: str
    files: int
    bytes: int


def compact(lake: Lake, table: str) -> CompactReport:
    """Rewrite partitions that consist of several files; no new version when there are none."""
    schema = schema_of(table)
    with lake.writing(table):
        before = lake.files(table)
        bytes_before = _size([path for path, _period in before])
        counts = pl.Series([period for _path, period in before]).value_counts().rows()
        crowded = [str(period) for period, count in counts if count > 1]
        if crowded:
            files = [path for path, period in before if period in crowded]
            rows = pl.read_parquet(files, hive_partitioning=False).select(schema.columns.keys()).sort(schema.key)
            lake.commit(schema, rows, crowded if schema.partition else None, {"reason": "compaction"})
        _checkpoint(lake, table)
        after = [path for path, _period in lake.files(table)]
    return CompactReport(table, len(before), len(after), bytes_before, _size(after))


def vacuum(lake: Lake, table: str, keep_days: int) -> VacuumReport:
    """Delete data files that no version of the last `keep_days` days needs, and leftovers of interrupted writes."""
    with lake.writing(table):
        folder = lake.root / table
        before = {path: path.stat().st_size for path in folder.rglob("*.parquet") if durability.LOG not in path.parts}
        lake.open(table).vacuum(
            retention_hours=keep_days * HOURS_PER_DAY,
            dry_run=False,
            enforce_retention_duration=False,
            full=True,
        )
        durability.make_durable(lake.root, table)
    gone = [size for path, size in before.items() if not path.exists()]
    return VacuumReport(table, len(gone), sum(gone))


def _size(files: list[Path]) -> int:
    return sum(path.stat().st_size for path in files)


def _checkpoint(lake: Lake, table: str) -> None:
    """Sum the log up every hundred versions, so that opening a table stays quick.

    The marker is taken back first: should the power fail before the checkpoint is flushed, the next opening looks
    at it and removes it when it is torn.
    """
    log = lake.root / table / durability.LOG
    version = durability.versions(lake.root / table)[-1]
    pointer = log / durability.LAST_CHECKPOINT
    last = int(json.loads(pointer.read_text())["version"]) if pointer.exists() else -1
    if version - last < VERSIONS_PER_CHECKPOINT:
        return
    opened = lake.open(table)
    write_bytes_durably(durability.marker(lake.root, table), b"-1")
    opened.create_checkpoint()
    for path in log.iterdir():
        fsync_file(path)
    durability.make_durable(lake.root, table)
