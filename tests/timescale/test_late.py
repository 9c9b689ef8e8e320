"""Rows that come after their range was handed over: accepted, seen at once, and merged into the lake exactly once."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest

from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale.fingerprint import of_server
from pi5_pipelines.timescale.late import merge_late
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.tiering import tier
from pi5_pipelines.timescale.union import union_rows
from pi5_pipelines.timescale.watermark import keep_writers_out, writing
from tests.timescale.tiered import CHUNK, START, bars, migrated, put

if TYPE_CHECKING:
    from pathlib import Path

TABLE = TABLES["bars_1m"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_late_rows_are_seen_at_once_and_merged_by_the_next_run(any_migrated_dsn: str, lake: Lake) -> None:
    rows = bars(START, 400)  # a chunk, and the beginning of the next
    restated = rows.gather([3, 401]).with_columns(volume=pl.lit(7, pl.Int64))
    new = bars(START + timedelta(seconds=5), 50)
    expected = pl.concat([rows.join(restated, on=["symbol", "ts"], how="anti"), restated, new]).sort("symbol", "ts")
    with migrated(any_migrated_dsn) as connection:
        put(any_migrated_dsn, "bars_1m", rows)
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        # In one load: late rows, and rows in time that are known.
        report = put(any_migrated_dsn, "bars_1m", pl.concat([restated, new, rows.tail(10)]))
        assert (report.inserted, report.restated, report.unchanged) == (152, 0, 10)
        assert of_server(connection, TABLE).rows == rows.height
        assert of_server(connection, TABLE.late).rows == 152
        assert union_rows(connection, lake, "bars_1m").equals(expected)
        assert put(any_migrated_dsn, "bars_1m", new).unchanged == new.height
        assert tier(connection, lake, "bars_1m", before=START + CHUNK).late_rows == 152
        assert of_server(connection, TABLE.late).rows == 0
        assert union_rows(connection, lake, "bars_1m").equals(expected)
        version = lake.version("bars_1m")
        put(any_migrated_dsn, "bars_1m", new)  # once more: the lake has them
        assert tier(connection, lake, "bars_1m", before=START + CHUNK).late_rows == new.height
        assert lake.version("bars_1m") == version


def test_a_row_that_comes_or_changes_while_late_rows_are_merged_stays_for_the_next_time(
    migrated_dsn: str, lake: Lake
) -> None:
    rows = bars(START, 400)
    late = bars(START + timedelta(seconds=5), 2)
    changed = late.with_columns(volume=pl.lit(99, pl.Int64)).head(1)
    other = bars(START + timedelta(seconds=6), 2)
    times: list[str] = []

    def disturb(step: str) -> None:
        if step == "late rows in the lake" and step not in times:
            put(migrated_dsn, "bars_1m", pl.concat([changed, other]))
        times.append(step)

    with migrated(migrated_dsn) as connection:
        put(migrated_dsn, "bars_1m", rows)
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        put(migrated_dsn, "bars_1m", late)
        report = merge_late(connection, lake, TABLE, disturb)
        assert times.count("late rows read") == 2  # the first try met the changed row
        assert report.rows == late.height + other.height
        found = union_rows(connection, lake, "bars_1m")
    expected = pl.concat([rows, late.join(changed, on=["symbol", "ts"], how="anti"), changed, other])
    assert found.equals(expected.sort("symbol", "ts"))


def test_a_row_written_into_a_chunk_while_it_is_copied_is_copied_too(migrated_dsn: str, lake: Lake) -> None:
    rows = bars(START, 400)
    more = bars(START + timedelta(seconds=5), 1)
    copies: list[str] = []

    def disturb(step: str) -> None:
        if step == "verified" and not copies:
            put(migrated_dsn, "bars_1m", more)
        if step == "verified":
            copies.append(step)

    with migrated(migrated_dsn) as connection:
        put(migrated_dsn, "bars_1m", rows)
        report = tier(connection, lake, "bars_1m", before=START + CHUNK, step=disturb)
        assert len(copies) == 2
        assert report.rows == 336 * 3 + 3
        assert union_rows(connection, lake, "bars_1m").equals(pl.concat([rows, more]).sort("symbol", "ts"))
        assert of_server(connection, TABLE.late).rows == 0


@pytest.mark.slow
def test_the_watermark_waits_for_who_writes_and_they_wait_for_it(migrated_dsn: str) -> None:
    with (
        migrated(migrated_dsn) as connection,
        psycopg.connect(migrated_dsn) as writer,
        psycopg.connect(migrated_dsn) as mover,
    ):
        assert writing(writer, TABLE) is None
        with pytest.raises(psycopg.errors.LockNotAvailable):
            keep_writers_out(mover, TABLE)
        mover.rollback()
        writer.commit()
        keep_writers_out(mover, TABLE)
        loaded = threading.Thread(target=put, args=(migrated_dsn, "bars_1m", bars(START, 1)))
        loaded.start()
        loaded.join(0.5)
        assert loaded.is_alive()
        assert of_server(connection, TABLE).rows == 0  # reading goes on
        mover.execute("INSERT INTO watermarks VALUES ('bars_1m', %s)", (START + CHUNK,))
        mover.commit()
        loaded.join(30)
        assert (of_server(connection, TABLE).rows, of_server(connection, TABLE.late).rows) == (0, 3)
