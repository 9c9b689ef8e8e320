"""Real databases for tests: TimescaleDB's two editions, found or made on first use, one server a test process."""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from pi5_pipelines.timescale.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "timescale"
OWN_OBJECTS = """
SELECT format('DROP MATERIALIZED VIEW IF EXISTS public.%I CASCADE', view_name)
FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'public'
UNION ALL
SELECT format('DROP %s IF EXISTS %s CASCADE',
              CASE c.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END, c.oid::regclass)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'm')
  AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype = 'e')
UNION ALL
SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


class CannotServeError(Exception):
    """No such server can be had on this machine; says why."""


@dataclass(frozen=True)
class Server:
    """A running server: how its superuser connects, and what it is.

    One of our own has a folder, as this machine sees it and as the server sees it (`inside`), and can crash.
    """

    dsn: str
    what: str
    folder: Path = Path("/nonexistent")
    inside: str = ""
    process: subprocess.Popen[str] | None = None

    def crash(self) -> None:
        """Stop it without a checkpoint, its clients cut off."""
        self._tell("crash")

    def start(self) -> None:
        """Start it again on the same port, with the data it had."""
        self._tell("start")

    def _tell(self, word: str) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{word}\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, answer


@contextmanager
def serving(*arguments: str) -> Iterator[Server]:
    """A server of its own (`apache`, `community`, `without-extension`; options as scripts/timescale has them).

    It ends with the pipe to its stdin, and so with this process. Raises CannotServeError.
    """
    with subprocess.Popen(
        [str(SCRIPT), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests: they still talk to it while they end
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        told = json.loads(process.stdout.readline() or '{"error": "it ended without a word"}')
        if "error" in told:
            raise CannotServeError(told["error"])
        folder = Path(told.get("folder", "/nonexistent"))
        try:
            yield Server(told["dsn"], told["what"], folder, told.get("inside", ""), process)
        finally:
            process.stdin.close()
            process.wait()


@pytest.fixture(scope="session")
def apache_server() -> Iterator[Server]:
    """The server named by PI5_TEST_TIMESCALE_DSN, else one of our own with the Apache edition."""
    given = os.environ.get("PI5_TEST_TIMESCALE_DSN")
    if given:
        yield Server(given, "the server of PI5_TEST_TIMESCALE_DSN")
        return
    try:
        with serving("apache") as server:
            yield server
    except CannotServeError as error:
        pytest.skip(f"no TimescaleDB can be had: {error}")


@pytest.fixture(scope="session")
def community_server() -> Iterator[Server]:
    """TimescaleDB's Community edition; one session, whatever the number of connections."""
    try:
        with serving("community") as server:
            yield server
    except CannotServeError as error:
        pytest.skip(f"no TimescaleDB of the Community edition can be had: {error}")


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server for this test alone, which may crash, with the Apache edition."""
    try:
        with serving("apache", "--own") as server:
            yield server
    except CannotServeError as error:
        pytest.skip(f"no TimescaleDB of our own can be had: {error}")


@pytest.fixture
def apache_dsn(apache_server: Server) -> Iterator[str]:
    """A new, empty database on the Apache edition; its superuser's DSN."""
    with own_database(apache_server) as dsn:
        yield dsn


@pytest.fixture
def community_dsn(community_server: Server) -> str:
    """The Community edition's database, emptied."""
    with psycopg.connect(community_server.dsn, autocommit=True) as connection:
        for (drop,) in connection.execute(OWN_OBJECTS).fetchall():
            connection.execute(drop)
    return community_server.dsn


@pytest.fixture(params=["apache", "community"])
def any_dsn(request: pytest.FixtureRequest) -> str:
    """An empty database on either edition; the test runs once for each."""
    dsn: str = request.getfixturevalue(f"{request.param}_dsn")
    return dsn


@pytest.fixture(scope="session")
def template(apache_server: Server) -> Iterator[str]:
    """The name of a database with the whole schema, to be copied: half as dear as to make it."""
    with own_database(apache_server) as dsn:
        with psycopg.connect(dsn, autocommit=True) as connection:
            migrate(connection)
        name = conninfo_to_dict(dsn)["dbname"]
        assert isinstance(name, str)
        with psycopg.connect(apache_server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            connection.execute(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = %s", [name]
            )
        yield name


@pytest.fixture
def migrated_dsn(apache_server: Server, template: str) -> Iterator[str]:
    """A new database with the whole schema on the Apache edition; its superuser's DSN."""
    with own_database(apache_server, template) as dsn:
        yield dsn


@pytest.fixture(params=["apache", "community"])
def any_migrated_dsn(request: pytest.FixtureRequest) -> str:
    """A database with the whole schema on either edition; the test runs once for each."""
    if request.param == "apache":
        found: str = request.getfixturevalue("migrated_dsn")
        return found
    dsn: str = request.getfixturevalue("community_dsn")
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
    return dsn


@contextmanager
def own_database(server: Server, template: str = "template0") -> Iterator[str]:
    """A database of its own on a server, dropped afterwards with whoever is still connected."""
    name = sql.Identifier(f"pi5_test_{uuid.uuid4().hex[:12]}")
    create = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'").format(name, sql.Identifier(template))
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(create)
    try:
        yield make_conninfo(server.dsn, dbname=name.as_string(None).strip('"'))
    finally:
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
