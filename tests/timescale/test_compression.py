"""Closed chunks take less room, on either edition, and the report has one form."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale.compression import compress, enable, savings
from pi5_pipelines.timescale.tiering import tier
from pi5_pipelines.timescale.union import union_rows
from tests.timescale.tiered import CHUNK, START, bars, migrated, put, ticks

if TYPE_CHECKING:
    from pathlib import Path

SEALED = START + 2 * CHUNK
MINUTE = timedelta(minutes=1)


def test_closed_chunks_are_compressed_and_save_nine_tenths(community_dsn: str) -> None:
    rows = bars(START, 10_080 + 100, step=MINUTE)  # a chunk, and the beginning of the next
    with migrated(community_dsn) as connection:
        put(community_dsn, "bars_1m", rows)
        assert savings(connection) == []
        first = compress(connection, "bars_1m", before=START + CHUNK)
        assert (first.compressed, first.again) == (1, 0)
        assert compress(connection, "bars_1m", before=START + CHUNK).compressed == 0
        (saving,) = savings(connection)
        assert (saving.table, saving.way, saving.chunks) == ("bars_1m", "compressed", 1)
        assert saving.saved_pct > 90
        assert saving.ratio == pytest.approx(saving.before_bytes / saving.after_bytes)
        assert enable(connection) == []


def test_late_rows_in_a_compressed_chunk_are_compressed_in_turn(community_dsn: str, tmp_path: Path) -> None:
    rows = bars(START, 2_000)
    late = bars(START + timedelta(seconds=1), 300, add=1)
    with migrated(community_dsn) as connection:
        put(community_dsn, "bars_1m", rows)
        compress(connection, "bars_1m", before=SEALED)
        put(community_dsn, "bars_1m", late)
        again = compress(connection, "bars_1m", before=SEALED)
        assert (again.compressed, again.again) == (0, 1)
        assert compress(connection, "bars_1m", before=SEALED).again == 0
        read = union_rows(connection, Lake(tmp_path), "bars_1m")
        assert read.height == rows.height + late.height


def test_compressed_chunks_are_handed_over_too(community_dsn: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = ticks(START, 3_000, step=timedelta(minutes=1))
    with migrated(community_dsn) as connection:
        put(community_dsn, "ticks", rows)
        assert compress(connection, "ticks", before=SEALED).compressed == 3
        report = tier(connection, lake, "ticks", before=START + timedelta(days=2))
        assert [one.rows for one in report.handed_over] == [1440 * 3, 1440 * 3]
        assert all(one.hot_bytes > 80 * one.rows for one in report.handed_over)  # as before compression
        assert union_rows(connection, lake, "ticks").equals(rows)


def test_without_compression_the_lake_is_what_saves(migrated_dsn: str, tmp_path: Path) -> None:
    rows = bars(START, 10_080 + 100, step=MINUTE)
    with migrated(migrated_dsn) as connection:
        put(migrated_dsn, "bars_1m", rows)
        assert enable(connection) == []
        assert compress(connection, "bars_1m", before=START + CHUNK).compressed == 0
        assert savings(connection) == []
        tier(connection, Lake(tmp_path), "bars_1m", before=START + CHUNK)
        (saving,) = savings(connection)
        assert (saving.table, saving.way, saving.chunks) == ("bars_1m", "lake", 1)
        assert saving.saved_pct > 90
