"""Sealed chunks are handed over to the lake, each row exactly once, on both editions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from pi5_pipelines.errors import TimescaleLoginError, TimescaleUnreachableError
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale.retention import drop_handed_over
from pi5_pipelines.timescale.tiering import tier
from pi5_pipelines.timescale.union import union_rows
from tests.timescale.tiered import CHUNK, START, STEPS, bars, migrated, put

if TYPE_CHECKING:
    from pathlib import Path

SEALED = START + 2 * CHUNK
SOON = START + timedelta(days=36500)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


def test_sealed_chunks_move_to_the_lake_and_are_dropped_by_a_later_run(any_migrated_dsn: str, lake: Lake) -> None:
    rows = bars(START, 3 * 336)  # three chunks
    with migrated(any_migrated_dsn) as connection:
        put(any_migrated_dsn, "bars_1m", rows)
        assert union_rows(connection, lake, "bars_1m").equals(rows)
        report = tier(connection, lake, "bars_1m", before=SEALED)
        assert (report.rows, report.watermark) == (2 * 336 * 3, SEALED)
        assert [one.hot_bytes > one.lake_bytes > 0 for one in report.handed_over] == [True, True]
        assert union_rows(connection, lake, "bars_1m").equals(rows)
        assert tier(connection, lake, "bars_1m", before=SEALED).handed_over == ()
        early = drop_handed_over(connection, lake, "bars_1m", verified_before=START)
        assert early.chunks == 0
        late = drop_handed_over(connection, lake, "bars_1m", verified_before=SOON)
        assert (late.chunks, late.rows, late.strays) == (2, 2 * 336 * 3, 0)
        assert connection.execute("SELECT count(*), min(ts) FROM bars_1m").fetchone() == (336 * 3, SEALED)
        assert union_rows(connection, lake, "bars_1m").equals(rows)


def test_an_owner_moves_rows_a_writer_brings_late_ones_and_a_reader_sees_them_all(
    any_migrated_dsn: str, lake: Lake
) -> None:
    rows = bars(START, 400)
    late = bars(START + timedelta(seconds=1), 1)
    writer = make_conninfo(any_migrated_dsn, options="-c role=pi5_writer")
    with migrated(any_migrated_dsn) as connection:
        put(writer, "bars_1m", rows)
        connection.execute("SET ROLE pi5_writer")
        with pytest.raises(TimescaleLoginError, match="pi5 db user"):
            tier(connection, lake, "bars_1m", before=START + CHUNK)
        connection.execute("SET ROLE pi5_owner")
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        put(writer, "bars_1m", late)
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        assert drop_handed_over(connection, lake, "bars_1m", verified_before=SOON).chunks == 1
        put(writer, "bars_1m", late.with_columns(volume=99))
        connection.execute("SET ROLE pi5_reader")
        assert union_rows(connection, lake, "bars_1m").height == rows.height + late.height
        connection.execute("RESET ROLE")


def test_a_connection_that_breaks_ends_the_run_with_one_clear_error(migrated_dsn: str, lake: Lake) -> None:
    with migrated(migrated_dsn) as connection, psycopg.connect(migrated_dsn, autocommit=True) as moving:
        put(migrated_dsn, "bars_1m", bars(START, 400))

        def cut(step: str) -> None:
            if step == "verified":
                connection.execute("SELECT pg_terminate_backend(%s, 10000)", (moving.info.backend_pid,))

        with pytest.raises(TimescaleUnreachableError, match="repeat"):
            tier(moving, lake, "bars_1m", before=START + CHUNK, step=cut)
        assert tier(connection, lake, "bars_1m", before=START + CHUNK).rows == 336 * 3


class BrokenOffError(Exception):
    """The end of a run after a step."""


@pytest.mark.slow
def test_a_run_broken_off_after_any_step_leaves_every_row_once(any_migrated_dsn: str, lake: Lake) -> None:
    """In little what test_kill_tiering.py does to processes."""
    reached: list[str] = []

    def run(connection: psycopg.Connection, before: datetime, fatal: str) -> None:
        def step(name: str) -> None:
            reached.append(name)
            if name == fatal:
                raise BrokenOffError

        drop_handed_over(connection, lake, "bars_1m", verified_before=SOON, step=step)
        tier(connection, lake, "bars_1m", before=before, step=step)

    rows = bars(START, 1).clear()
    with migrated(any_migrated_dsn) as connection:
        for place, fatal in enumerate(STEPS):
            first = START + 2 * place * CHUNK
            parts = [bars(first, 2), bars(START + timedelta(seconds=place + 1), 1), bars(first + CHUNK, 2)]
            rows = pl.concat([rows, *parts]).sort("symbol", "ts")
            put(any_migrated_dsn, "bars_1m", parts[0])
            tier(connection, lake, "bars_1m", before=first + CHUNK)
            put(any_migrated_dsn, "bars_1m", pl.concat(parts[1:]))
            with pytest.raises(BrokenOffError):
                run(connection, first + 2 * CHUNK, fatal)
            assert union_rows(connection, lake, "bars_1m").equals(rows), fatal
    assert set(reached) == set(STEPS)
