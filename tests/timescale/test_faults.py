"""What breaks while rows are loaded: nothing is lost, nothing is doubled, and the error says what happened."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING

import polars as pl
import psycopg
import pytest

from pi5_pipelines.errors import (
    RowsRefusedError,
    TimescaleError,
    TimescaleLoginError,
    TimescaleUnreachableError,
)
from pi5_pipelines.timescale.connection import Access, connect, is_passing, pool, retrying
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.read import read
from tests.timescale.market import Hot, minute_bars

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.timescale.fixtures import Server

OTHERS = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def test_nobody_there_is_told_at_once(free_port: int) -> None:
    with (
        pytest.raises(TimescaleUnreachableError, match="Connection refused"),
        connect(Access(f"host=127.0.0.1 port={free_port} user=pi5 dbname=pi5", "there")),
    ):
        pass


def test_a_wrong_password_is_told_as_such_and_not_tried_again(hot: Hot) -> None:
    wrong = psycopg.conninfo.make_conninfo(hot.access.conninfo, password="wrong")  # noqa: S106 - it is no secret
    started = time.monotonic()
    with pytest.raises(TimescaleLoginError, match="password authentication failed"), pool(Access(wrong, "there")):
        pass
    assert time.monotonic() - started < 30
    with pytest.raises(psycopg.OperationalError) as raised:
        psycopg.connect(wrong)
    assert not is_passing(raised.value)


def test_a_connection_killed_between_and_within_commits_costs_nothing(hot: Hot) -> None:
    bars = minute_bars(40_000)
    killed: list[object] = []
    done = threading.Event()

    def kill_copies() -> None:
        with psycopg.connect(hot.access.conninfo, autocommit=True) as connection:
            while not done.is_set() and len(killed) < 3:
                query = f"SELECT pg_terminate_backend(pid) {OTHERS} AND state = 'active' AND query LIKE 'COPY%'"
                killed.extend(connection.execute(query.encode()).fetchall())
                time.sleep(0.002)

    def frames() -> Iterator[pl.DataFrame]:
        for at in range(0, bars.height, 40_000):
            hot.connection.execute(f"SELECT pg_terminate_backend(pid) {OTHERS} AND state = 'idle'".encode())
            if at == 40_000:
                killer.start()
            yield bars[at : at + 40_000]

    killer = threading.Thread(target=kill_copies)
    report = load(hot.pool, "bars_1m", frames(), rows_per_commit=40_000)
    done.set()
    killer.join()
    assert killed
    assert report.rows == bars.height
    assert read(hot.connection, "bars_1m").equals(bars)


def test_a_server_that_comes_back_in_time_goes_unnoticed(own_hot: Hot, own_server: Server) -> None:
    bars = minute_bars(5_000)

    def frames() -> Iterator[pl.DataFrame]:
        for at in range(0, bars.height, 5_000):
            if at == 10_000:
                own_server.crash()
                back.start()
            yield bars[at : at + 5_000]

    back = threading.Timer(0.5, own_server.start)
    load(own_hot.pool, "bars_1m", frames(), rows_per_commit=5_000)
    back.join()
    with connect(own_hot.access) as connection:
        assert read(connection, "bars_1m").equals(bars)


@pytest.mark.slow
def test_a_server_that_stays_away_ends_the_load_and_repeating_it_completes_it(
    own_hot: Hot, own_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi5_pipelines.timescale.connection.RETRIES", 2)
    bars = minute_bars(5_000)

    def frames() -> Iterator[pl.DataFrame]:
        yield bars[:5_000]
        own_server.crash()
        yield bars[5_000:]

    with pytest.raises(TimescaleUnreachableError, match="repeating completes it"):
        load(own_hot.pool, "bars_1m", frames())
    own_server.start()
    with connect(own_hot.access) as connection, pool(own_hot.access) as again:
        assert read(connection, "bars_1m").equals(bars[:5_000])
        assert load(again, "bars_1m", bars).inserted == 15_000
        assert read(connection, "bars_1m").equals(bars)


def test_a_full_disk_keeps_what_was_committed_and_the_rest_follows_when_there_is_room(
    own_hot: Hot, own_server: Server
) -> None:
    small = own_server.folder / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=24m,mode=777", "tmpfs", str(small)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"a small disk needs root to be mounted: {done.stderr.strip()}")
    try:
        (small / "ballast").write_bytes(bytes(18_000_000))
        (small / "space").mkdir(mode=0o777)
        (small / "space").chmod(0o777)
        owner = (own_server.folder / "data").stat()
        subprocess.run(["chown", f"{owner.st_uid}:{owner.st_gid}", str(small / "space")], check=True)
        place = f"{own_server.inside.rstrip('/')}/small/space"
        own_hot.connection.execute(f"CREATE TABLESPACE small LOCATION '{place}'".encode())
        own_hot.connection.execute("GRANT CREATE ON TABLESPACE small TO pi5_owner")
        own_hot.connection.execute("SELECT attach_tablespace('small', 'bars_1m')")
        bars = minute_bars(20_000)
        with pytest.raises(TimescaleError, match=r"No space left on device.*what was committed stays"):
            load(own_hot.pool, "bars_1m", bars, rows_per_commit=5_000)
        kept = read(own_hot.connection, "bars_1m")
        assert 0 < kept.height < bars.height
        assert kept.height % 5_000 == 0
        assert kept.equals(bars[: kept.height])
        (small / "ballast").unlink()
        assert load(own_hot.pool, "bars_1m", bars).inserted == bars.height - kept.height
        assert read(own_hot.connection, "bars_1m").equals(bars)
    finally:
        own_server.crash()
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_what_another_transaction_was_in_the_way_of_is_done_again() -> None:
    tries = []

    def work() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise psycopg.errors.SerializationFailure
        return "done"

    assert retrying(work) == "done"
    assert len(tries) == 3


def test_what_is_wrong_for_good_is_not_done_again() -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        raise psycopg.errors.NotNullViolation

    with pytest.raises(psycopg.errors.NotNullViolation):
        retrying(work)
    assert len(tries) == 1


BAD_ROWS = {
    "in the future": (pl.col("ts") + pl.duration(days=40_000), "lie in the future"),
    "a price that is no whole number": (pl.col("close") / 3, "close is Float64, not Int64"),
    "a price that does not fit": (
        pl.col("close").cast(pl.Int128) * 10**15,
        "close holds numbers that do not fit Int64.*lower the instrument's scale",
    ),
    "a missing price": (pl.col("close").replace(1_000_000, None).shift(1).alias("close"), "close is null"),
    "an unknown symbol": (pl.lit("MSFT").alias("symbol"), "MSFT: no such row in `instruments`"),
    "no symbol": (pl.lit("").alias("symbol"), "'' is no symbol"),
    "a symbol with a zero byte": (pl.lit("A\0").alias("symbol"), "is no symbol"),
    "two rows of one key": (pl.col("ts").min().over("symbol"), "two different ones for AAPL, 2024-01-01"),
    "times without a zone": (pl.col("ts").dt.replace_time_zone(None), "times need their zone"),
}


@pytest.mark.parametrize("what", BAD_ROWS)
def test_a_frame_with_bad_rows_is_refused_whole(hot: Hot, what: str) -> None:
    change, message = BAD_ROWS[what]
    bars = minute_bars(100, ("AAPL",))
    with pytest.raises(RowsRefusedError, match=message):
        load(hot.pool, "bars_1m", bars.with_columns(change), rows_per_commit=10)
    assert hot.one("SELECT count(*) FROM bars_1m") == 0


def test_a_frame_without_a_column_is_refused(hot: Hot) -> None:
    with pytest.raises(RowsRefusedError, match="they lack volume"):
        load(hot.pool, "bars_1m", minute_bars(1).drop("volume"))
