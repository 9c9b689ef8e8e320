"""Chunks are dropped only when the lake holds what was handed over; rows written past `load` are not lost with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import LakeError, LakeLockedError, TieringError
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale.fingerprint import of_server
from pi5_pipelines.timescale.retention import drop_handed_over
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.tiering import tier
from pi5_pipelines.timescale.union import union_rows
from pi5_pipelines.timescale.watermark import alone
from tests.timescale.tiered import CHUNK, START, SYMBOLS, bars, migrated, put

if TYPE_CHECKING:
    from pathlib import Path

    import psycopg

TABLE = TABLES["bars_1m"]
SOON = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", lock_timeout_s=0.2)


def handed_over(connection: psycopg.Connection, dsn: str, lake: Lake) -> pl.DataFrame:
    rows = bars(START, 400)
    put(dsn, "bars_1m", rows)
    tier(connection, lake, "bars_1m", before=START + CHUNK)
    return rows


def test_a_lake_that_lost_rows_keeps_the_chunk(migrated_dsn: str, lake: Lake) -> None:
    with migrated(migrated_dsn) as connection:
        rows = handed_over(connection, migrated_dsn, lake)
        with lake.writing("bars_1m"):
            lake.commit(schema_of("bars_1m"), lake.read("bars_1m").head(-3), ["2024-01"], {})
        with pytest.raises(TieringError, match="3 rows that version 0 held are gone"):
            drop_handed_over(connection, lake, "bars_1m", verified_before=SOON)
        assert of_server(connection, TABLE).rows == rows.height


def test_a_lake_whose_file_is_damaged_keeps_the_chunk(migrated_dsn: str, lake: Lake) -> None:
    with migrated(migrated_dsn) as connection:
        rows = handed_over(connection, migrated_dsn, lake)
        ((path, _),) = lake.files("bars_1m")
        data = bytearray(path.read_bytes())
        data[200:400] = bytes(200)
        path.write_bytes(data)
        with pytest.raises((TieringError, LakeError)):
            drop_handed_over(connection, lake, "bars_1m", verified_before=SOON)
        assert of_server(connection, TABLE).rows == rows.height


def test_rows_that_the_lake_restated_since_do_not_come_back(any_migrated_dsn: str, lake: Lake) -> None:
    with migrated(any_migrated_dsn) as connection:
        rows = handed_over(connection, any_migrated_dsn, lake)
        restated = rows.head(5).with_columns(volume=pl.lit(7, pl.Int64))
        put(any_migrated_dsn, "bars_1m", restated)
        tier(connection, lake, "bars_1m", before=START)
        report = drop_handed_over(connection, lake, "bars_1m", verified_before=SOON)
        assert (report.chunks, report.strays) == (1, 0)
        expected = pl.concat([restated, rows.slice(5)])
        assert union_rows(connection, lake, "bars_1m").equals(expected)


def test_rows_written_past_load_become_late_rows(any_migrated_dsn: str, lake: Lake) -> None:
    """Into a chunk that waits to be dropped, and into one that was made anew where one had been dropped."""
    write = "INSERT INTO bars_1m SELECT 'A', %s, 1, 2, 0, 1, 5 ON CONFLICT (symbol, ts) DO UPDATE SET volume = 5"
    with migrated(any_migrated_dsn) as connection:
        rows = handed_over(connection, any_migrated_dsn, lake)
        connection.execute(write, (START,))  # one that is known
        connection.execute(write, (START + timedelta(seconds=1),))
        assert drop_handed_over(connection, lake, "bars_1m", verified_before=SOON).strays == 2
        connection.execute(write, (START + timedelta(seconds=2),))
        again = drop_handed_over(connection, lake, "bars_1m", verified_before=SOON)
        assert (again.chunks, again.rows, again.strays) == (1, 1, 1)
        tier(connection, lake, "bars_1m", before=START)
        found = union_rows(connection, lake, "bars_1m", symbols=["A"])
    assert found.height == rows.filter(pl.col("symbol") == "A").height + 2
    assert found["volume"].to_list()[:3] == [5, 5, 5]


def test_a_chunk_larger_than_a_slice_is_handed_over_and_dropped(
    migrated_dsn: str, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi5_pipelines.timescale.chunks.ROWS_PER_SLICE", 150)
    symbols = (*SYMBOLS, "D", "E")
    rows = pl.concat(
        [bars(START, 336, symbols=SYMBOLS), bars(START, 50, symbols=["D"]), bars(START, 60, symbols=["E"])]
    )
    with migrated(migrated_dsn, symbols) as connection:
        put(migrated_dsn, "bars_1m", rows)
        assert tier(connection, lake, "bars_1m", before=START + CHUNK).rows == rows.height
        assert drop_handed_over(connection, lake, "bars_1m", verified_before=SOON).rows == rows.height
        assert union_rows(connection, lake, "bars_1m").equals(rows)


def test_rows_that_only_the_lake_has_do_not_disturb(migrated_dsn: str, lake: Lake) -> None:
    """A source may have brought the lake more symbols, and others of the same time."""
    rows = bars(START, 400)
    others = bars(START, 400, symbols=["D"])
    with migrated(migrated_dsn) as connection:
        lake.upsert("bars_1m", pl.concat([others, rows.head(100).with_columns(pl.col("open") + 1)]))
        put(migrated_dsn, "bars_1m", rows)
        expected = pl.concat([rows, others])
        assert union_rows(connection, lake, "bars_1m").equals(expected)
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        drop_handed_over(connection, lake, "bars_1m", verified_before=SOON)
        assert union_rows(connection, lake, "bars_1m").equals(expected)


def test_one_process_at_a_time_moves_a_table(migrated_dsn: str, lake: Lake) -> None:
    with migrated(migrated_dsn) as connection, alone(lake, TABLE):
        with pytest.raises(LakeLockedError, match="tiering"):
            tier(connection, lake, "bars_1m", before=START)
        assert tier(connection, lake, "bars_1h", before=START).handed_over == ()
