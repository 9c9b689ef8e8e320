"""The schema as numbered SQL files, each applied once, in order, in a transaction of its own."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Literal

from pi5_pipelines.errors import ExtensionError, MigrationError
from pi5_pipelines.timescale import aggregates
from pi5_pipelines.timescale.edition import Edition, detect

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    import psycopg

LOCK = 0x706935_6462  # "pi5" and "db": one key for everybody who migrates
LOCK_WAIT_S = 120
TABLE = """
CREATE TABLE IF NOT EXISTS public.schema_migrations (
    number int PRIMARY KEY,
    name text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now(),
    seconds double precision NOT NULL
)
"""

State = Literal["applied", "pending", "changed", "unknown"]


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of pi5_pipelines/timescale/sql."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The checksum that the database keeps."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Applied:
    """One row of schema_migrations."""

    number: int
    name: str
    sha256: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    """What migrating did."""

    edition: Edition
    applied: tuple[str, ...]
    before: int
    aggregates: tuple[str, ...] = ()


def migrations() -> tuple[Migration, ...]:
    """The files, by number; raises MigrationError when two have one number or one is missing."""
    found = []
    for file in files("pi5_pipelines.timescale").joinpath("sql").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    found.sort(key=lambda one: one.number)
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise MigrationError("the files are not numbered 1, 2, 3, ...", where="pi5_pipelines/timescale/sql")
    return tuple(found)


def migrate(
    connection: psycopg.Connection,
    wanted: Sequence[Migration] | None = None,
    progress: Callable[[int, int, str], None] = lambda *_: None,
) -> Report:
    """Bring a database's schema up to date; safe to repeat, and to run twice at once.

    After the files come the aggregates, which are not a file since they follow the edition.

    `connection` is in autocommit mode. Raises MigrationError (nothing of the failed file stays), ExtensionError.
    """
    whole = wanted is None
    made: tuple[str, ...] = ()
    wanted = migrations() if wanted is None else wanted
    done: list[str] = []
    with connection.transaction():
        _lock(connection)
        add_extension(connection)
        connection.execute(TABLE)
        before = len(applied(connection))
    edition = detect(connection)
    for place, one in enumerate(wanted):
        progress(place, len(wanted), f"{one.number:04} {one.name}")
        with connection.transaction():
            _lock(connection)  # somebody else may have applied it since
            rows = {row.number: row for row in applied(connection)}
            check(wanted, rows)
            if one.number not in rows:
                _apply(connection, one)
                done.append(one.name)
    if whole:
        with connection.transaction():
            _lock(connection)
            made = aggregates.put(connection, edition)
    progress(len(wanted), len(wanted), "")
    return Report(edition, tuple(done), before, made)


def add_extension(connection: psycopg.Connection) -> None:
    """Put TimescaleDB into the database where it is not yet; raises ExtensionError."""
    from psycopg import Error, errors

    if connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'").fetchone():
        return
    where = f"database {connection.info.dbname}"
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION timescaledb SCHEMA public")
    except (errors.UndefinedFile, errors.FeatureNotSupported, errors.UndefinedObject) as error:
        raise ExtensionError(
            f"TimescaleDB is not installed on this server: {str(error).splitlines()[0]}",
            where=where,
            hint="on Debian 13: sudo apt-get install postgresql-17-timescaledb; docs/operations.md has both editions",
        ) from error
    except errors.InsufficientPrivilege as error:
        raise ExtensionError(
            "this user may not add TimescaleDB to the database",
            where=where,
            hint="as a superuser, once: CREATE EXTENSION timescaledb",
        ) from error
    except Error as error:
        if "preload" not in str(error):
            raise
        raise ExtensionError(
            "TimescaleDB's library is not preloaded",
            where=where,
            hint="put shared_preload_libraries = 'timescaledb' into postgresql.conf and restart the server",
        ) from error


def applied(connection: psycopg.Connection) -> list[Applied]:
    """What the database says has been applied; nothing when it has never been migrated."""
    if connection.execute("SELECT to_regclass('public.schema_migrations')").fetchone() == (None,):
        return []
    query = "SELECT number, name, sha256, applied_at FROM public.schema_migrations ORDER BY number"
    return [Applied(*row) for row in connection.execute(query).fetchall()]


def check(wanted: Sequence[Migration], rows: Mapping[int, Applied]) -> None:
    """Raise MigrationError when an applied file has changed since, or the database is newer than this program."""
    for one in wanted:
        row = rows.get(one.number)
        if row is not None and row.sha256 != one.sha256:
            raise MigrationError(
                f"migration {one.number:04} ({one.name}) is not the one that was applied on {row.applied_at:%Y-%m-%d}",
                where="schema_migrations",
                hint="install the release it came from, or put the file back; a change of the schema is a new file",
            )
    newer = sorted(rows.keys() - {one.number for one in wanted})
    if newer:
        raise MigrationError(
            f"the database has migration {newer[-1]:04} ({rows[newer[-1]].name}), which this program does not know",
            where="schema_migrations",
            hint="the database is newer than this program: upgrade pi5",
        )


def states(wanted: Sequence[Migration], rows: Sequence[Applied]) -> list[tuple[int, str, State, datetime | None]]:
    """Number, name, state and time of every migration that either side knows."""
    there = {row.number: row for row in rows}
    found: list[tuple[int, str, State, datetime | None]] = []
    for one in wanted:
        row = there.pop(one.number, None)
        state: State = "pending" if row is None else "applied" if row.sha256 == one.sha256 else "changed"
        found.append((one.number, one.name, state, row.applied_at if row else None))
    return found + [(row.number, row.name, "unknown", row.applied_at) for row in there.values()]


def _lock(connection: psycopg.Connection) -> None:
    """Wait until nobody else migrates; the lock goes with the transaction, and so with a process that dies."""
    from psycopg import errors, sql

    connection.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(f"{LOCK_WAIT_S}s")))
    try:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    except errors.LockNotAvailable as error:
        raise MigrationError(
            f"another migration has been running for {LOCK_WAIT_S} s",
            where=f"database {connection.info.dbname}",
            hint="wait for it, or see in pg_stat_activity who it is",
        ) from error


def _apply(connection: psycopg.Connection, one: Migration) -> None:
    from psycopg import Error

    started = time.perf_counter()
    try:
        connection.execute(one.sql.encode())
    except Error as error:
        raise MigrationError(
            f"migration {one.number:04} ({one.name}) failed: {' '.join(str(error).split())}",
            where=f"database {connection.info.dbname}",
            hint="nothing of it was kept; the ones before it were",
        ) from error
    connection.execute(
        "INSERT INTO public.schema_migrations (number, name, sha256, seconds) VALUES (%s, %s, %s, %s)",
        (one.number, one.name, one.sha256, time.perf_counter() - started),
    )
