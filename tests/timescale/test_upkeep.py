"""A night's upkeep over all tables, as the login that does it: an owner, and nothing more."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import psycopg
import pytest
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pi5_pipelines.assets.hot import saving_figures
from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import Settings, TimescaleSettings
from pi5_pipelines.timescale import disk, health
from pi5_pipelines.timescale.aggregates import refresh_all
from pi5_pipelines.timescale.connection import access, connect, pool
from pi5_pipelines.timescale.follow import follow_lake
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.migrations import migrate
from pi5_pipelines.timescale.roles import put_user
from pi5_pipelines.timescale.union import union_rows
from pi5_pipelines.timescale.upkeep import drop, hand_over, shrink
from tests.timescale.market import INSTRUMENTS, START, SYMBOLS, minute_bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.timescale.fixtures import Server
    from tests.timescale.market import Hot

DAYS, EACH = 18, 1_440


@pytest.fixture
def bars() -> pl.DataFrame:
    """Two weeks and a half of minute bars."""
    return pl.concat(minute_bars(EACH, SYMBOLS, START + timedelta(days=day)) for day in range(DAYS)).sort(
        "symbol", "ts"
    )


def settings_of(dsn: str, home: Path, **days: int) -> Settings:
    return Settings(home=str(home), timescale=TimescaleSettings(dsn=dsn, **days))  # type: ignore[arg-type]


def test_an_owner_can_do_a_whole_night(hot: Hot, tmp_path: Path, bars: pl.DataFrame) -> None:
    file = tmp_path / "password"
    file.write_text("of the night\n")
    file.chmod(0o600)
    name = f"night_{hot.connection.info.dbname}"
    put_user(hot.connection, name, "owner", file)
    try:
        a_night(login(hot.access.conninfo, name, tmp_path), tmp_path, bars)
    finally:
        hot.connection.execute(f"DROP OWNED BY {name}".encode())
        hot.connection.execute(f"DROP ROLE {name}".encode())


def test_the_user_of_the_documented_set_up_can_do_a_whole_night(
    own_server: Server, tmp_path: Path, bars: pl.DataFrame
) -> None:
    with psycopg.connect(own_server.dsn, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE pi5 LOGIN CREATEROLE PASSWORD 'of the night'")
        superuser.execute("CREATE DATABASE pi5 OWNER pi5 TEMPLATE template0 ENCODING 'UTF8'")
    dsn = make_conninfo(own_server.dsn, dbname="pi5")
    with psycopg.connect(dsn, autocommit=True) as superuser:
        superuser.execute("CREATE EXTENSION pg_stat_statements")
        superuser.execute("GRANT pg_monitor TO pi5")
    own = login(dsn, "pi5", tmp_path)
    with connect(access(TimescaleSettings(dsn=own))) as connection:
        assert migrate(connection).aggregates
    a_night(own, tmp_path, bars)


def a_night(dsn: str, home: Path, bars: pl.DataFrame) -> None:
    """All that a night does, on rows that were written to the hot tier."""
    settings = settings_of(dsn, home, keep_minute_bars_days=10)
    lake = Lake(settings.folder("lake"))
    with pool(access(settings.timescale)) as connections:
        with connections.connection() as connection:
            put_instruments(connection, INSTRUMENTS)
        load(connections, "bars_1m", bars)
    follow_lake(settings, lake)
    refresh_all(settings.timescale)
    done, saved = shrink(settings, lake)
    assert sum(getattr(one, "rows", 0) for one in done) > 0
    assert hand_over(settings, lake)[0].table
    assert sum(one.chunks for one in drop(settings, lake, datetime.now(UTC) + timedelta(days=1))) > 0
    with connect(access(settings.timescale)) as connection:
        assert union_rows(connection, lake, "bars_1m").equals(bars)
        assert disk.measure(connection, settings).database_bytes > 0
    assert health.savings(saved).figures
    assert [one.sentence for one in health.examine(settings.timescale).values() if not one.good] == []


def test_closed_chunks_save_nine_tenths_on_either_edition(any_hot: Hot, tmp_path: Path, bars: pl.DataFrame) -> None:
    settings = settings_of(any_hot.access.conninfo, tmp_path, keep_minute_bars_days=6)
    load(any_hot.pool, "bars_1m", bars)
    any_hot.pool.close()
    _, saved = shrink(settings, Lake(settings.folder("lake")))
    (one,) = saved
    assert one.before_bytes > health.JUDGED_BYTES * one.chunks
    assert health.savings(saved).good, one
    figures = saving_figures(saved)
    assert figures["bars_1m ratio"] == pytest.approx(one.before_bytes / one.after_bytes)
    assert figures["bytes_before"] == one.before_bytes


def test_a_feed_that_stopped_loses_nothing_for_having_stopped(hot: Hot, tmp_path: Path) -> None:
    settings = settings_of(hot.access.conninfo, tmp_path)
    load(hot.pool, "bars_1m", minute_bars(EACH, ("AAPL",)))
    assert [one.rows for one in hand_over(settings, Lake(settings.folder("lake"))) if one.rows] == []


def test_doctor_says_nothing_without_a_hot_tier_and_one_line_without_its_server(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_HOME", str(tmp_path))
    monkeypatch.delenv("PI5_TIMESCALE_DSN", raising=False)

    def checks() -> dict[str, dict[str, Any]]:
        found = json.loads(CliRunner().invoke(program, ["doctor", "--json"]).stdout)["checks"]
        return {one["check"]: one for one in found}

    assert not {"TimescaleDB", "its schema", "its settings", "its replica"} & set(checks())
    monkeypatch.setenv("PI5_TIMESCALE_DSN", f"postgresql://pi5@127.0.0.1:{free_port}/pi5")
    found = checks()
    assert found["TimescaleDB"]["state"] == "fail"
    assert "Connection refused" in found["TimescaleDB"]["detail"]
    assert "its schema" not in found


def test_doctor_tells_a_schema_that_is_behind(apache_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", apache_dsn)
    assert CliRunner().invoke(program, ["db", "migrate"]).exit_code == 0
    with connect(access(TimescaleSettings(dsn=apache_dsn))) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE number = 8")
    found = json.loads(CliRunner().invoke(program, ["doctor", "--json"]).stdout)["checks"]
    (schema,) = [one for one in found if one["check"] == "its schema"]
    assert (schema["state"], schema["detail"]) == ("fail", "0008 upkeep is pending")
    assert [one for one in found if one["check"] == "its settings" and one["state"] == "warn"]


def login(conninfo: str, name: str, folder: Path) -> str:
    """The same database as another user, whose password lies in a file."""
    file = folder / "pgpass"
    file.write_text("*:*:*:*:of the night\n")
    file.chmod(0o600)
    parts = {key: str(value) for key, value in conninfo_to_dict(conninfo).items() if key != "password"}
    return make_conninfo(**{**parts, "user": name, "passfile": str(file)})
