"""Whatever the database does, the engine beside it goes on: it lags, says why in one line, and catches up."""

from __future__ import annotations

import asyncio
import socket
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import psycopg
import pytest

from live_engine.events import AccountMarked
from live_engine.journal import consumers, retention, snapshot
from live_engine.journal.reader import JournalReader
from live_engine.journal.schema import DAY_NS
from live_engine.journal.writer import Journal
from live_engine.projection import CONSUMER
from pi5_pipelines.timescale.migrations import migrate
from tests.live_engine.projection.projected import Expected, found, offset
from tests.live_engine.projection.running import caught_up, of_engine, projector, running, until
from tests.live_engine.projection.sessions import bodies, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.timescale.fixtures import Server

MARK = AccountMarked(cash=Decimal(1), equity=Decimal(2), day="2023-11-15")
NOBODY = "postgresql://pi5:geheim@127.0.0.1:1/pi5"


def test_a_wrong_password_is_one_clear_line_and_the_right_one_needs_no_restart(
    connection: psycopg.Connection, migrated_dsn: str, path: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = write(path, seed=1, bars=5)
    right = psycopg.conninfo.conninfo_to_dict(migrated_dsn)["password"]
    file = tmp_path / "password"
    file.write_text("falsch\n", encoding="utf-8")
    file.chmod(0o600)
    one = projector(path, migrated_dsn, password_file=str(file), origin="pi5.toml, line 3")

    async def story() -> None:
        async with running(one):
            await until(lambda: one.last_error)
            assert "password authentication failed" in one.last_error
            assert one.last_error.endswith("(look at user and password of pi5.toml, line 3)")
            assert one.lag_events == len(written)
            await asyncio.sleep(0.5)
            file.write_text(f"{right}\n", encoding="utf-8")
            await until(lambda: not one.lag_events and not one.last_error)

    asyncio.run(story())
    assert offset(connection) == len(written)
    assert len(caplog.messages) == 2  # however often it was tried
    assert not [line for line in caplog.messages if "falsch" in line or "\n" in line]


def test_missing_tables_are_one_clear_line_until_they_are_made(apache_dsn: str, path: Path) -> None:
    written = write(path, seed=2, bars=5)
    one = projector(path, apache_dsn)

    async def story() -> None:
        async with running(one):
            await until(lambda: one.last_error)
            assert "run `pi5 db migrate`" in one.last_error
            with psycopg.connect(apache_dsn, autocommit=True) as connection:
                await asyncio.to_thread(migrate, connection)
            await until(lambda: not one.lag_events, lambda: one.last_error)

    asyncio.run(story())
    with psycopg.connect(apache_dsn) as connection:
        assert offset(connection) == len(written)


@pytest.mark.parametrize(
    ("dsn", "told"),
    [
        (NOBODY, "is the server up? Nothing is lost"),
        ("postgresql//pi5:geheim@127.0.0.1", "it is no connection string"),
        ("postgresql://pi5:geheim%zz@127.0.0.1/pi5", "it is no connection string"),
    ],
)
def test_what_cannot_be_reached_is_told_without_its_password(path: Path, dsn: str, told: str) -> None:
    write(path, seed=3, bars=1)
    one = projector(path, dsn)

    async def story() -> None:
        async with running(one):
            await until(lambda: one.last_error)

    asyncio.run(story())
    assert told in one.last_error
    assert "geheim" not in one.last_error
    assert "\n" not in one.last_error


def test_retention_waits_for_a_database_that_was_never_there(path: Path) -> None:
    wall = [1]
    with Journal(path, wall_ns=lambda: wall[0]) as journal:
        journal.append([MARK] * 5).result()
        wall[0] = 3 * DAY_NS
        (last,) = journal.append([MARK]).result()
        journal.run(lambda file: snapshot.store(file, last.seq, b"")).result()

        def removable() -> int:
            return journal.run(lambda file: retention.removable(file, keep_days=1, now_ns=wall[0])).result()

        assert removable() == 5
        one = of_engine(journal, NOBODY)

        async def story() -> None:
            async with running(one):
                await until(lambda: one.last_error)

        asyncio.run(story())
        assert removable() == 0
        with JournalReader(path) as reader:
            assert reader.consumers() == {CONSUMER: 0}
        journal.run(lambda file: consumers.forget(file, CONSUMER)).result()
        assert removable() == 5


def test_it_places_itself_in_the_journal_only_after_the_database_has_it(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    written = write(path, seed=6, bars=10)
    places: list[int] = []
    asyncio.run(caught_up(projector(path, migrated_dsn, places.append)))
    assert places[0] == 0
    assert 0 < places[-1] <= len(written) == offset(connection)


def test_a_batch_that_is_held_up_delays_neither_the_loop_nor_the_end(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    written = write(path, seed=7, bars=10)
    asyncio.run(caught_up(projector(path, migrated_dsn)))
    with Journal(path) as journal:
        journal.append([MARK]).result()
    one = projector(path, migrated_dsn)
    gaps: list[float] = []

    async def story() -> None:
        async with running(one):
            await until(lambda: one.projected_seq == len(written))
            before = time.monotonic()
            for _ in range(100):
                await asyncio.sleep(0.005)
                gaps.append(time.monotonic() - before)
                before = time.monotonic()
            assert one.lag_events

    with psycopg.connect(migrated_dsn) as other:
        other.execute("SELECT FROM live_offsets FOR UPDATE")
        started = time.monotonic()
        asyncio.run(story())
        assert time.monotonic() - started < 10
    assert max(gaps) < 0.3
    assert offset(connection) == len(written)


def test_a_server_that_never_answers_is_left_at_the_end(path: Path) -> None:
    write(path, seed=9, bars=1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        one = projector(path, f"postgresql://pi5@127.0.0.1:{mute.getsockname()[1]}/pi5")

        async def story() -> float:
            async with running(one):
                await asyncio.sleep(0.2)
                started = time.monotonic()
            return time.monotonic() - started

        assert asyncio.run(story()) < 5


@pytest.mark.slow
def test_a_server_that_is_gone_for_a_while_costs_nothing_but_lag(own_server: Server, path: Path) -> None:
    expected = Expected()
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        migrate(connection)
    with Journal(path) as journal:
        one = of_engine(journal, own_server.dsn)
        session = bodies(10, 90)

        async def trade(bars: int) -> None:
            for _ in range(bars):
                expected.take(await journal.appended(next(session)))
                await asyncio.sleep(0.005)

        async def story() -> None:
            async with running(one):
                await trade(30)
                await asyncio.to_thread(own_server.crash)
                await trade(30)
                await until(lambda: one.last_error)
                assert one.lag_events
                await asyncio.to_thread(own_server.start)
                await trade(30)
                await until(lambda: not one.lag_events and not one.last_error, lambda: one.last_error)

        asyncio.run(story())
    with psycopg.connect(own_server.dsn) as connection:
        assert found(connection, journal.epoch) == expected.content()
