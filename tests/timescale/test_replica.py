"""Reading from a real streaming replica: its lag is told, it refuses to write, and without it the primary answers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.errors import TimescaleUnreachableError
from pi5_pipelines.settings import TimescaleSettings
from pi5_pipelines.timescale.connection import Access, connect, pool
from pi5_pipelines.timescale.health import replication
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.migrations import migrate
from pi5_pipelines.timescale.read import read
from pi5_pipelines.timescale.replica import lag, reading, slots
from tests.timescale.fixtures import CannotServeError, Server, serving
from tests.timescale.market import INSTRUMENTS, minute_bars

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Server, Server]]:
    """A primary with 10,000 bars, and its replica."""
    try:
        with serving("apache", "--own") as primary:
            with connect(Access(primary.dsn, "primary")) as connection:
                migrate(connection)
                put_instruments(connection, INSTRUMENTS)
            with pool(Access(primary.dsn, "primary")) as connections:
                load(connections, "bars_1m", minute_bars(2_500))
            with serving("apache", "--own", "--standby-of", primary.dsn) as standby:
                with connect(Access(primary.dsn, "primary")) as connection:  # a lag in time needs something replayed
                    connection.execute("UPDATE bars_1m SET volume = volume + 1 WHERE symbol = 'AAPL'")
                caught_up(primary, standby)
                yield primary, standby
    except CannotServeError as error:
        pytest.skip(f"no TimescaleDB of our own can be had: {error}")


@pytest.fixture
def settings(pair: tuple[Server, Server]) -> TimescaleSettings:
    primary, standby = pair
    return TimescaleSettings(dsn=primary.dsn, reader_dsn=standby.dsn, connect_timeout_s=2)


def caught_up(primary: Server, standby: Server) -> None:
    """Wait until the replica has all that the primary had."""
    deadline = time.monotonic() + WAIT_S
    with connect(Access(primary.dsn, "p")) as one, connect(Access(standby.dsn, "s")) as other:
        while (behind := lag(other, one)).bytes != 0 or behind.seconds != 0:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_readers_read_from_the_replica_and_see_what_was_written(
    pair: tuple[Server, Server], settings: TimescaleSettings
) -> None:
    primary, standby = pair
    with psycopg.connect(primary.dsn, autocommit=True) as connection:
        connection.execute("UPDATE bars_1m SET volume = 77 WHERE symbol = 'AAPL'")
    caught_up(primary, standby)
    with reading(settings) as reader, connect(Access(primary.dsn, "primary")) as other:
        assert reader.fell_back == ""
        row = reader.connection.execute("SELECT pg_is_in_recovery()").fetchone()
        assert row == (True,)
        bars = read(reader.connection, "bars_1m")
        assert bars.height == 10_000
        assert bars.equals(read(other, "bars_1m"))
        behind = lag(reader.connection, other)
    assert (behind.replica, behind.streaming) == (True, True)


def test_writing_is_refused_there_and_by_a_reader_anywhere(settings: TimescaleSettings) -> None:
    alone = TimescaleSettings(dsn=settings.dsn)
    for one in (settings, alone):
        with reading(one) as reader:
            for statement in ("CREATE TEMP TABLE t (n int)", "DELETE FROM bars_1m", "CREATE TABLE t (n int)"):
                with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                    reader.connection.execute(statement.encode())


def test_a_replica_that_replays_nothing_is_behind(pair: tuple[Server, Server]) -> None:
    primary, standby = pair
    with connect(Access(primary.dsn, "p")) as one, connect(Access(standby.dsn, "s")) as other:
        other.execute("SELECT pg_wal_replay_pause()")
        try:
            one.execute("UPDATE bars_1m SET volume = volume + 1 WHERE symbol = 'AAPL'")
            deadline = time.monotonic() + WAIT_S
            behind = lag(other, one)
            while not (behind.bytes and behind.seconds):
                assert time.monotonic() < deadline
                time.sleep(0.1)
                behind = lag(other, one)
            assert "bytes behind" in behind.sentence
        finally:
            other.execute("SELECT pg_wal_replay_resume()")
    caught_up(primary, standby)


def test_status_and_doctor_show_the_lag(
    pair: tuple[Server, Server], settings: TimescaleSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    caught_up(*pair)
    pi5 = command(settings, tmp_path, monkeypatch)
    found: dict[str, Any] = json.loads(pi5("db", "status", "--json").stdout)
    assert (found["reader"]["replica"], found["reader"]["fell_back"]) == (True, "")
    ((slot,),) = ([one for one in found["slots"] if one["name"] == "pi2"],)
    assert slot["active"]
    deadline = time.monotonic() + WAIT_S
    while "0.0 s and 0 bytes behind" not in pi5("db", "status").stdout:  # the server writes a few bytes now and then
        assert time.monotonic() < deadline
    checks = {one["check"]: one for one in json.loads(pi5("doctor", "--json").stdout)["checks"]}
    assert checks["its replica"]["state"] == "ok"
    assert checks["its schema"]["state"] == "ok"
    assert "apache edition" in checks["TimescaleDB"]["detail"]
    assert checks["its settings"]["state"] == "warn"
    with connect(Access(settings.dsn, "p")) as primary:
        assert replication(primary, settings).good


def test_without_the_replica_the_primary_answers_and_says_why(
    pair: tuple[Server, Server], settings: TimescaleSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    primary, standby = pair
    standby.crash()
    try:
        with reading(settings) as reader:
            assert "Connection refused" in reader.fell_back
            assert reader.connection.execute("SELECT pg_is_in_recovery()").fetchone() == (False,)
            assert read(reader.connection, "bars_1m").height == 10_000
        pi5 = command(settings, tmp_path, monkeypatch)
        assert "They do not read from [timescale] reader_dsn" in pi5("db", "status").stdout
        checks = {one["check"]: one for one in json.loads(pi5("doctor", "--json").stdout)["checks"]}
        assert checks["its replica"]["state"] == "warn"
        with connect(Access(primary.dsn, "p")) as connection:
            deadline = time.monotonic() + WAIT_S
            while slots(connection)[0].active:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert "nobody reads from pi2" in replication(connection, settings).sentence
    finally:
        standby.start()
    caught_up(primary, standby)


@pytest.mark.slow
def test_a_replica_outlives_its_primary(pair: tuple[Server, Server], settings: TimescaleSettings) -> None:
    primary, standby = pair
    caught_up(primary, standby)
    primary.crash()
    try:
        with reading(settings) as reader:
            assert read(reader.connection, "bars_1m").height == 10_000
            deadline = time.monotonic() + WAIT_S
            while lag(reader.connection).streaming:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            assert "cut off from its primary" in lag(reader.connection).sentence
        with pytest.raises(TimescaleUnreachableError), reading(TimescaleSettings(dsn=settings.dsn)):
            pass
    finally:
        primary.start()
    caught_up(primary, standby)


def command(settings: TimescaleSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """`pi5` with that server and its replica configured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_HOME", str(tmp_path))
    monkeypatch.setenv("PI5_TIMESCALE_DSN", settings.dsn)
    monkeypatch.setenv("PI5_TIMESCALE_READER_DSN", settings.reader_dsn)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(program, arguments)

    return run
