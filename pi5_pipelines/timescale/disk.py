"""How much room the hot tier and the lake take from day to day, and when the disk will be full."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.timescale.server_settings import is_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from pi5_pipelines.settings import Settings

DAYS = 60  # of history that a projection looks back on
FEWEST = 3  # days of history without which it says nothing

SIZES = """
SELECT pg_database_size(current_database()),
       CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE') THEN current_setting('data_directory') END
"""
TABLES = """
SELECT hypertable_name, hypertable_size(format('public.%I', hypertable_name)::regclass)
FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND num_chunks > 0 ORDER BY 1
"""
NOTED = """
INSERT INTO public.disk_history (day, database_bytes, lake_bytes, free_bytes, same_disk) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (day) DO UPDATE SET database_bytes = EXCLUDED.database_bytes, lake_bytes = EXCLUDED.lake_bytes,
    free_bytes = EXCLUDED.free_bytes, same_disk = EXCLUDED.same_disk
"""
HISTORY = """
SELECT day, database_bytes, lake_bytes, free_bytes, same_disk FROM public.disk_history
WHERE day > %s - %s ORDER BY day
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One day's sizes in bytes; `free_bytes` is None where nobody here can see the server's disk."""

    day: date
    database_bytes: int
    lake_bytes: int
    free_bytes: int | None
    same_disk: bool

    @property
    def used(self) -> int:
        """What of it lies on the server's disk."""
        return self.database_bytes + (self.lake_bytes if self.same_disk else 0)


@dataclass(frozen=True, slots=True)
class Projection:
    """Bytes that come a day, and in how many days the disk is full; None: it cannot be told, or there is no growth."""

    bytes_a_day: float | None
    days_left: float | None


def measure(connection: psycopg.Connection, settings: Settings, now: datetime | None = None) -> Measured:
    """Measure, and note it as this day's; a second time on a day replaces the first. Raises TimescaleError."""
    row = connection.execute(SIZES).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM answers one row
    database, folder = row
    home = settings.home_path
    place = _place(folder, home) if is_here(connection) else None
    found = Measured(
        (now or datetime.now(UTC)).date(),
        database,
        _size(settings.folder("lake")),
        shutil.disk_usage(place).free if place else None,
        same_disk=place is not None and place.stat().st_dev == _nearest(home).stat().st_dev,
    )
    values = (found.day, found.database_bytes, found.lake_bytes, found.free_bytes, found.same_disk)
    connection.execute(NOTED, values)
    return found


def history(connection: psycopg.Connection, until: date) -> list[Measured]:
    """The days that a projection looks at, in order."""
    return [Measured(*row) for row in connection.execute(HISTORY, (until, DAYS)).fetchall()]


def table_sizes(connection: psycopg.Connection) -> dict[str, int]:
    """Bytes of every hypertable that holds something, with its indexes."""
    return dict(connection.execute(TABLES).fetchall())


def projection(days: Sequence[Measured]) -> Projection:
    """A straight line through what was used on these days, by least squares, drawn on to the end of the disk."""
    if len(days) < FEWEST:
        return Projection(None, None)
    at = [(one.day - days[0].day).days for one in days]
    middle, level = sum(at) / len(at), sum(one.used for one in days) / len(days)
    spread = sum((x - middle) ** 2 for x in at)
    growth = sum((x - middle) * (one.used - level) for x, one in zip(at, days, strict=True)) / spread
    free = days[-1].free_bytes
    return Projection(growth, free / growth if free is not None and growth > 0 else None)


def _place(folder: str | None, home: Path) -> Path:
    """Where the server's disk can be looked at: its own folder, or the home where that is hidden in a container."""
    path = Path(folder) if folder else home
    return path if path.exists() else _nearest(home)


def _nearest(path: Path) -> Path:
    return path if path.exists() else _nearest(path.parent)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
