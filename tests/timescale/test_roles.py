"""Least privilege: a reader reads, a writer adds and corrects, and neither takes anything away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from pi5_pipelines.errors import ConfigError, TimescaleLoginError
from pi5_pipelines.timescale.connection import Access, connect, pool
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.migrations import migrate, migrations
from pi5_pipelines.timescale.read import read
from pi5_pipelines.timescale.roles import Role, put_user
from tests.timescale.market import INSTRUMENTS, Hot, minute_bars

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.timescale.fixtures import Server

SECRET = "kein \\'Geheimnis' €"  # noqa: S105 - it is one for this test alone
TAKING_AWAY = (
    "DROP TABLE bars_1m",
    "TRUNCATE bars_1m",
    "DELETE FROM bars_1m",
    "SELECT drop_chunks('bars_1m', older_than => now())",
    "ALTER TABLE live_orders DROP COLUMN status",
    "UPDATE watermarks SET ts = now()",
    "UPDATE schema_migrations SET sha256 = ''",
    "CREATE TABLE mine (number int)",
)
ADDING = (
    "INSERT INTO bars_1d SELECT 'AAPL', now(), 1, 1, 1, 1, 1",
    "UPDATE bars_1m SET volume = 0",
    "INSERT INTO followed VALUES ('bars_1d', now(), 1, '')",
)


@pytest.fixture
def login(hot: Hot, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[Role], Access]]:
    """Makes a user of a role and answers how it connects."""
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\n", encoding="utf-8")
    file.chmod(0o600)
    made = []

    def make(role: Role) -> Access:
        name = f"pi5 {role} {hot.connection.info.dbname}"  # users belong to the whole server
        made.append(name)
        put_user(hot.connection, name, role, file)
        return Access(make_conninfo(hot.access.conninfo, user=name, password=SECRET), request.node.name)

    yield make
    for name in made:
        user = sql.Identifier(name)
        hot.connection.execute(sql.SQL("REASSIGN OWNED BY {} TO CURRENT_USER").format(user))
        hot.connection.execute(sql.SQL("DROP OWNED BY {}").format(user))
        hot.connection.execute(sql.SQL("DROP ROLE {}").format(user))


def test_a_reader_reads_every_table_and_view_and_changes_nothing(hot: Hot, login: Callable[[Role], Access]) -> None:
    bars = minute_bars(100)
    load(hot.pool, "bars_1m", bars)
    with connect(login("reader")) as connection:
        assert read(connection, "bars_1m").equals(bars)
        for table in ("market_data", "ticks_readable", "live_orders", "watermarks", "schema_migrations"):
            connection.execute(f"SELECT count(*) FROM {table}".encode())  # noqa: S608 - the names above
        for statement in (*ADDING, *TAKING_AWAY):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
            connection.rollback()


def test_a_writer_loads_and_corrects_and_takes_nothing_away(hot: Hot, login: Callable[[Role], Access]) -> None:
    bars = minute_bars(100)
    access = login("writer")
    with pool(access) as connections:
        assert load(connections, "bars_1m", bars[::2]).inserted == bars.height // 2
        assert load(connections, "bars_1m", bars).inserted == bars.height // 2
    with connect(access) as connection:
        for statement in ADDING:
            connection.execute(statement.encode())
        for statement in TAKING_AWAY:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    assert hot.one("SELECT count(*) FROM bars_1m") == bars.height


def test_an_owner_drops_chunks_and_another_role_takes_that_right_back(
    hot: Hot, login: Callable[[Role], Access]
) -> None:
    load(hot.pool, "bars_1m", minute_bars(100))
    with connect(login("owner")) as connection:
        connection.execute("SELECT drop_chunks('bars_1m', older_than => now())")
        assert migrate(connection).applied == ()
    assert hot.one("SELECT count(*) FROM bars_1m") == 0
    access = login("reader")
    with connect(access) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(ADDING[-1].encode())


def test_the_engine_writes_what_it_did_and_sees_nothing_else(hot: Hot, login: Callable[[Role], Access]) -> None:
    mine = "INSERT INTO live_offsets (journal, seq, first_seq, rules) SELECT gen_random_uuid(), 0, 1, 1"
    access = login("engine")
    with connect(access) as connection:
        connection.execute(mine.encode())
        for statement in (
            *ADDING,
            *TAKING_AWAY,
            "SELECT * FROM bars_1m",
            "SELECT * FROM instruments",
            "DELETE FROM live_offsets",
            "SELECT live_forget(journal) FROM live_offsets",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.encode())
    for role in ("writer", "reader"):
        with connect(login(role)) as connection:
            assert connection.execute("SELECT count(*) FROM live_offsets").fetchone() == (1,)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(mine.encode())
    hot.connection.execute("SELECT live_forget(journal) FROM live_offsets")
    assert hot.one("SELECT count(*) FROM live_offsets") == 0


def test_a_right_that_is_missing_is_told_with_who_gives_it(login: Callable[[Role], Access]) -> None:
    with pool(login("reader")) as connections, pytest.raises(TimescaleLoginError, match="pi5 db user"):
        load(connections, "bars_1m", minute_bars(1))


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [("secret", 0o644, "others can read it"), ("", 0o600, "one line"), ("one\ntwo", 0o600, "one line")],
)
def test_a_password_file_that_will_not_do_is_refused(
    hot: Hot, tmp_path: Path, content: str, mode: int, told: str
) -> None:
    file = tmp_path / "password"
    file.write_text(content)
    file.chmod(mode)
    with pytest.raises(ConfigError, match=told):
        put_user(hot.connection, "nobody", "reader", file)


def test_an_ordinary_user_who_owns_the_database_sets_all_of_it_up(own_server: Server, tmp_path: Path) -> None:
    """As docs/operations.md has it: a superuser makes user and database, the rest needs none."""
    file = tmp_path / "password"
    file.write_text(SECRET, encoding="utf-8")
    file.chmod(0o600)
    with connect(Access(own_server.dsn, "there")) as superuser:
        superuser.execute("CREATE ROLE pi5 LOGIN CREATEROLE PASSWORD 'plain'")
        superuser.execute("CREATE DATABASE pi5 OWNER pi5 TEMPLATE template0")
    owned = make_conninfo(own_server.dsn, dbname="pi5", user="pi5", password="plain")  # noqa: S106 - for this test alone
    with connect(Access(owned, "there")) as connection:
        assert len(migrate(connection).applied) == len(migrations())
        assert migrate(connection).applied == ()
        put_instruments(connection, INSTRUMENTS)
        put_user(connection, "engine", "writer", file)
    bars = minute_bars(100)
    with pool(Access(make_conninfo(owned, user="engine", password=SECRET), "there")) as connections:
        assert load(connections, "bars_1m", bars).inserted == bars.height
    with pool(Access(owned, "there")) as connections:
        assert load(connections, "bars_1m", bars).unchanged == bars.height
