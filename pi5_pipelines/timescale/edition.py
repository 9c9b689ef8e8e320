"""Which TimescaleDB answers: its edition, its version, and whether this program can work with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi5_pipelines.errors import ExtensionError

if TYPE_CHECKING:
    import psycopg

APACHE, COMMUNITY = "apache", "community"
OLDEST = (2, 11)  # the first that takes late rows into compressed chunks by key
NEWEST_TRIED = (2, 23)
OLDEST_POSTGRES = 15

FOUND = """
SELECT current_setting('server_version_num')::int / 10000,
       current_setting('server_version'),
       (SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'),
       (SELECT default_version FROM pg_available_extensions WHERE name = 'timescaledb'),
       current_setting('timescaledb.license', true)
"""


@dataclass(frozen=True, slots=True)
class Edition:
    """A working TimescaleDB: `name` is "apache" (no compression, no policies) or "community"."""

    name: str
    version: str
    postgres: str

    @property
    def compresses(self) -> bool:
        """Whether chunks can be compressed in place; else closed chunks move to the lake."""
        return self.name == COMMUNITY

    @property
    def is_tried(self) -> bool:
        """Whether the tests ran against a version as new as this."""
        return numbers(self.version)[:2] <= NEWEST_TRIED


def detect(connection: psycopg.Connection) -> Edition:
    """The edition that a database has; raises ExtensionError when it has none, or one that does not fit."""
    row = connection.execute(FOUND).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM answers one row
    major, postgres, installed, available, licence = row
    return judged(major, postgres, installed, available, licence, where=f"database {connection.info.dbname}")


def judged(
    major: int, postgres: str, installed: str | None, available: str | None, licence: str | None, *, where: str
) -> Edition:
    """The edition of what a server says about itself; raises ExtensionError."""
    if major < OLDEST_POSTGRES:
        raise ExtensionError(
            f"PostgreSQL {postgres} is too old", where=where, hint=f"at least {OLDEST_POSTGRES} is needed"
        )
    if installed is None and available is None:
        raise ExtensionError(
            "TimescaleDB is not installed on this server",
            where=where,
            hint="on Debian 13: sudo apt-get install postgresql-17-timescaledb; docs/operations.md has both editions",
        )
    if installed is None:
        raise ExtensionError("TimescaleDB is not in this database yet", where=where, hint="run `pi5 db migrate`")
    if licence is None:
        raise ExtensionError(
            "TimescaleDB's library is not preloaded",
            where=where,
            hint="put shared_preload_libraries = 'timescaledb' into postgresql.conf and restart the server",
        )
    if numbers(installed)[:2] < OLDEST:
        raise ExtensionError(
            f"TimescaleDB {installed} is too old",
            where=where,
            hint=f"at least {'.'.join(map(str, OLDEST))} is needed: upgrade its package, then "
            "run ALTER EXTENSION timescaledb UPDATE",
        )
    return Edition(COMMUNITY if licence == "timescale" else APACHE, installed, postgres)


def numbers(version: str) -> tuple[int, ...]:
    """A version's numbers: 2.23.0-dev is (2, 23, 0)."""
    return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".") if part.isdigit())
