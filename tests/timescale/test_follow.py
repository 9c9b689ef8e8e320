"""The hot tier follows the lake: what is new or restated there comes here, once, and nothing else is sent."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from click.testing import CliRunner, Result
from psycopg import sql

from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.errors import RowsRefusedError
from pi5_pipelines.lake.compaction import vacuum
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import TimescaleSettings
from pi5_pipelines.timescale.connection import pool
from pi5_pipelines.timescale.follow import Followed, follow, standing
from pi5_pipelines.timescale.read import read
from pi5_pipelines.timescale.tiering import tier
from tests.timescale.market import INSTRUMENTS, SYMBOLS, minute_bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.timescale.market import Hot

SETTINGS = TimescaleSettings(keep_minute_bars_days=8, lateness_days=1)
FIRST = datetime(2024, 1, 1, tzinfo=UTC)
WEEK = timedelta(days=7)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Five weeks of ten bars a day of every symbol, and their instruments."""
    lake = Lake(tmp_path / "lake")
    rows = [
        {
            "symbol": one.symbol,
            "tick_size": str(one.tick_size),
            "price_scale": one.price_scale,
            "size_scale": one.size_scale,
            "lot": str(one.lot),
            "currency": one.currency,
            "calendar": one.calendar,
            "venue": one.venue,
        }
        for one in INSTRUMENTS
    ]
    lake.upsert("instruments", pl.DataFrame(rows))
    lake.upsert("bars_1m", pl.concat(minute_bars(10, start=FIRST + timedelta(days=day)) for day in range(35)))
    return lake


def run(hot: Hot, lake: Lake, settings: TimescaleSettings = SETTINGS) -> Followed:
    return follow(hot.pool, lake, "bars_1m", settings)


def same(hot: Hot, lake: Lake, since: datetime) -> bool:
    """Whether both hold the same rows from a moment on, and the hot tier no others."""
    bars = lake.read("bars_1m")
    return read(hot.connection, "bars_1m").equals(bars.filter(bars["ts"] >= since))


def test_whole_chunks_of_the_kept_days_come_at_first_and_nothing_the_second_night(any_hot: Hot, lake: Lake) -> None:
    first = run(any_hot, lake)
    assert first.before is None
    # Kept are nine days before 4 February; its chunk begins on Thursday, 25 January.
    assert first.since == datetime(2024, 1, 25, tzinfo=UTC)
    assert first.report.inserted == 11 * 10 * len(SYMBOLS)
    assert same(any_hot, lake, first.since)
    second = run(any_hot, lake)
    assert (second.before, second.report.rows) == (first.version, 0)


def test_only_new_and_restated_rows_are_sent(any_hot: Hot, lake: Lake) -> None:
    since = run(any_hot, lake).since
    fresh = minute_bars(10, start=FIRST + timedelta(days=35))
    restated = minute_bars(3, start=FIRST + timedelta(days=30)).with_columns(pl.col("volume") + 1)
    old = minute_bars(3, start=FIRST).with_columns(pl.col("volume") + 1)
    lake.upsert("bars_1m", pl.concat([fresh, restated, old]))
    report = run(any_hot, lake).report
    assert (report.inserted, report.restated, report.unchanged) == (fresh.height, restated.height, 0)
    assert same(any_hot, lake, since)


def test_a_compaction_brings_nothing(any_hot: Hot, lake: Lake) -> None:
    for day in (36, 37):
        lake.upsert("bars_1m", minute_bars(2, start=FIRST + timedelta(days=day)))
    since = run(any_hot, lake).since
    before = lake.files("bars_1m")
    with lake.writing("bars_1m"):  # as a compaction does it
        lake.commit(schema_of("bars_1m"), lake.read("bars_1m"), None, {"reason": "compaction"})
    assert lake.files("bars_1m") != before
    assert run(any_hot, lake).report.rows == 0
    assert same(any_hot, lake, since)


def test_a_lake_whose_earlier_version_is_gone_is_compared_as_a_whole(hot: Hot, lake: Lake) -> None:
    since = run(hot, lake).since
    lake.upsert("bars_1m", minute_bars(10, start=FIRST + timedelta(days=34)).with_columns(pl.col("close") + 1))
    vacuum(lake, "bars_1m", 0)
    report = run(hot, lake).report
    assert (report.restated, report.inserted) == (40, 0)
    assert report.unchanged > 0
    assert same(hot, lake, since)


def test_a_lake_made_anew_is_not_taken_for_the_one_that_was_read(hot: Hot, lake: Lake, tmp_path: Path) -> None:
    since = run(hot, lake).since
    other = Lake(tmp_path / "other")
    other.upsert("instruments", lake.read("instruments"))
    other.upsert("bars_1m", lake.read("bars_1m").with_columns(pl.col("volume") + 1))
    assert other.version("bars_1m") == lake.version("bars_1m")
    assert run(hot, other).report.restated == 11 * 10 * len(SYMBOLS)
    assert same(hot, other, since)


def test_more_days_to_keep_bring_older_rows_and_fewer_take_none_away(hot: Hot, lake: Lake) -> None:
    since = run(hot, lake).since
    more = run(hot, lake, TimescaleSettings(keep_minute_bars_days=20, lateness_days=1))
    assert more.since == since - 2 * WEEK
    assert same(hot, lake, more.since)
    assert run(hot, lake).since == more.since
    everything = run(hot, lake, TimescaleSettings(keep_minute_bars_days=0))
    assert everything.since <= FIRST
    assert same(hot, lake, FIRST)


def test_rows_that_are_the_lakes_already_do_not_come_back(hot: Hot, lake: Lake) -> None:
    run(hot, lake, TimescaleSettings(keep_minute_bars_days=0))
    limit = datetime(2024, 1, 18, tzinfo=UTC)
    tier(hot.connection, lake, "bars_1m", before=limit)
    lake.upsert("bars_1m", minute_bars(3, start=FIRST).with_columns(pl.col("volume") + 1))
    lake.upsert("bars_1m", minute_bars(3, start=limit).with_columns(pl.col("volume") + 1))
    report = run(hot, lake, TimescaleSettings(keep_minute_bars_days=0)).report
    assert (report.rows, report.restated) == (12, 12)
    assert hot.one("SELECT count(*) FROM late_bars_1m") == 0


def test_a_server_in_another_time_zone_is_followed_the_same(hot: Hot, lake: Lake) -> None:
    zone = "ALTER DATABASE {} SET timezone TO 'America/New_York'"
    hot.connection.execute(sql.SQL(zone).format(sql.Identifier(hot.connection.info.dbname)))
    with pool(hot.access) as connections:
        since = follow(connections, lake, "bars_1m", SETTINGS).since
        assert follow(connections, lake, "bars_1m", SETTINGS).report.rows == 0
    assert since == datetime(2024, 1, 25, tzinfo=UTC)
    assert same(hot, lake, since)


def test_where_it_stands_is_kept_only_when_all_rows_are_there(hot: Hot, lake: Lake) -> None:
    bad = lake.read("instruments").with_columns(price_scale=pl.lit(2, dtype=pl.Int64))
    since = run(hot, lake).since
    before = standing(hot.connection, "bars_1m")
    lake.upsert("instruments", bad)
    lake.upsert("bars_1m", minute_bars(10, start=FIRST + timedelta(days=35)))
    with pytest.raises(RowsRefusedError, match="scales of"):
        run(hot, lake)
    assert standing(hot.connection, "bars_1m") == before
    lake.upsert("instruments", bad.with_columns(price_scale=pl.lit(4, dtype=pl.Int64)))
    assert run(hot, lake).report.inserted == 40
    assert same(hot, lake, since)


def test_a_user_brings_them_at_once_and_sees_what_was_sent(
    apache_dsn: str, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in {"HOME": str(tmp_path), "TIMESCALE_DSN": apache_dsn}.items():
        monkeypatch.setenv(f"PI5_{name}", value)

    def pi5(*arguments: str) -> Result:
        return CliRunner().invoke(program, ["db", *arguments])

    assert "run `pi5 db migrate`" in pi5("load").stderr
    assert pi5("migrate").exit_code == 0
    ((first,),) = json.loads(pi5("load", "--json").stdout).values()
    assert (first["table"], first["lake_version_before"]) == ("bars_1m", None)
    assert first["inserted"] > 0
    ((again,),) = json.loads(pi5("load", "--json").stdout).values()
    assert (again["inserted"], again["unchanged"], again["lake_version_before"]) == (0, 0, lake.version("bars_1m"))
    assert "bars_1m" in pi5("load").stdout
