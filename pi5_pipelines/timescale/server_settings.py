"""The settings of a running server, and the file of ours that it reads: written whole, tried by the server, loaded.

A line that a server cannot take keeps it from starting again. So the file is taken back when the server, which parses
it anew for pg_file_settings, finds fault with it or does not read it at all.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.durable import fsync_dir, write_bytes_durably
from pi5_pipelines.errors import TimescaleError, TimescaleLoginError
from pi5_pipelines.timescale.connection import shown
from pi5_pipelines.timescale.tuning import LIBRARIES, compare

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psycopg

    from pi5_pipelines.timescale.tuning import Advice, Difference

FILE = "pi5.conf"
READABLE = 0o644  # the server runs as a user of its own
INCLUDE = re.compile(r"^\s*include_dir\s*=?\s*'([^']+)'", re.MULTILINE)
AT_START = "postmaster"  # the context of settings that only a restart takes in
RELOAD_WAIT_S = 10.0
BY_HAND = "write the file with --file PATH into a folder that its postgresql.conf includes, and restart it"

RUNNING = "SELECT name, setting, coalesce(unit, ''), context FROM pg_settings WHERE name = ANY (%s)"
PRELOADED = """
SELECT name FROM unnest(ARRAY['timescaledb.license', 'pg_stat_statements.max']) AS name
WHERE current_setting(name, true) IS NOT NULL
"""
FAULTS = """
SELECT f.sourceline, coalesce(f.name, ''), f.error FROM pg_file_settings AS f LEFT JOIN pg_settings AS s USING (name)
WHERE f.sourcefile = %s AND f.error IS NOT NULL AND s.context IS DISTINCT FROM 'postmaster'
ORDER BY f.sourceline
"""
OVERRIDDEN = """
SELECT own.name, later.sourcefile FROM pg_file_settings AS own
JOIN pg_file_settings AS later ON later.name = own.name AND later.seqno > own.seqno
WHERE own.sourcefile = %s AND later.setting <> own.setting
ORDER BY own.name
"""


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a file did: the settings now in force, those that wait for a restart, those set elsewhere."""

    path: Path
    changed: bool
    reloaded: tuple[str, ...]
    restart: tuple[str, ...]
    overridden: tuple[tuple[str, str], ...]


def running(connection: psycopg.Connection, advice: Sequence[Advice]) -> dict[str, tuple[str, str]]:
    """Value and unit of every advised setting that the server knows.

    The libraries are hidden from ordinary users; that one is loaded shows in the settings it brings.
    """
    rows = connection.execute(RUNNING, ([one.name for one in advice],)).fetchall()
    found = {name: (value, unit) for name, value, unit, _ in rows}
    if LIBRARIES not in found:
        brought = [name.split(".")[0].replace("license", "") for (name,) in connection.execute(PRELOADED).fetchall()]
        found[LIBRARIES] = (",".join(brought), "")
    return found


def differences(connection: psycopg.Connection, advice: Sequence[Advice]) -> list[Difference]:
    """Where a running server is not as advised.

    What a loaded TimescaleDB does not know is not built into it (Debian's sends no telemetry): nothing to set there.
    """
    found = running(connection, advice)
    loaded = "timescaledb" in found[LIBRARIES][0]
    return compare([one for one in advice if one.name in found or not (loaded and "." in one.name)], found)


def is_here(connection: psycopg.Connection) -> bool:
    """Whether a server is reached on this machine itself: by a socket, or an address that leads nowhere else."""
    return connection.info.hostaddr in ("", "127.0.0.1", "::1")


def libraries(connection: psycopg.Connection) -> tuple[str, frozenset[str]]:
    """What the server preloads now, and the extensions that are installed beside it."""
    row = connection.execute("SELECT current_setting('shared_preload_libraries', true)").fetchone()
    there = connection.execute("SELECT name FROM pg_available_extensions").fetchall()
    return (row[0] if row and row[0] else ""), frozenset(name for (name,) in there)


def target(connection: psycopg.Connection) -> Path:
    """The file of ours among those that a server on this machine includes; raises TimescaleError, ...LoginError."""
    from psycopg import errors

    where = shown(connection.info.dsn)
    try:
        row = connection.execute("SELECT current_setting('config_file')").fetchone()
    except errors.InsufficientPrivilege as error:
        raise TimescaleLoginError(
            "this user may not see where the server's configuration lies",
            where=where,
            hint="connect as a superuser, or use --file PATH",
        ) from error
    main = Path(row[0] if row else "")
    try:
        text = main.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError as error:
        raise TimescaleError(
            f"the server's configuration is {main}, and this machine has no such file",
            where=where,
            hint=f"it runs on another host or in a container: {BY_HAND}",
        ) from error
    except OSError as error:
        raise TimescaleError(
            f"{main} cannot be read: {error.strerror}", where=where, hint="run it with sudo, or use --file PATH"
        ) from error
    included = INCLUDE.findall(text)
    if not included:
        raise TimescaleError(
            f"{main} includes no folder",
            where=where,
            hint=f"add the line include_dir = 'conf.d' at its end, make {main.parent / 'conf.d'}, and repeat this",
        )
    folder: str = included[-1]
    return main.parent / folder / FILE


def apply(connection: psycopg.Connection, path: Path, text: str, advice: Sequence[Advice]) -> Applied:
    """Write the file, let the server try it, and load it; raises TimescaleError with everything as it was before."""
    from psycopg import errors

    where = shown(connection.info.dsn)
    before = path.read_bytes() if path.exists() else None
    write(path, text)
    try:
        _check(connection, path)
        overridden = connection.execute(OVERRIDDEN, (str(path),)).fetchall()
        stale = {one.name for one in differences(connection, advice)}
        _reload(connection)
    except BaseException as error:
        _take_back(path, before)
        if isinstance(error, errors.InsufficientPrivilege):
            raise TimescaleLoginError(
                "this user may not load settings", where=where, hint="connect as a superuser, or use --file PATH"
            ) from error
        raise
    rows = connection.execute(RUNNING, ([one.name for one in advice],)).fetchall()
    at_start = {name for name, _, _, context in rows if context == AT_START}
    left = {one.name for one in differences(connection, advice)}
    elsewhere = {name for name, _ in overridden}
    restart = (left & at_start) - elsewhere | (left - {name for name, *_ in rows})
    return Applied(
        path,
        before != text.encode(),
        reloaded=tuple(sorted(stale - left)),
        restart=tuple(sorted(restart)),
        overridden=tuple((name, file) for name, file in overridden if name in left),
    )


def write(path: Path, text: str) -> None:
    """Put the file there, readable for the server; raises TimescaleError."""
    try:
        write_bytes_durably(path, text.encode(), mode=READABLE)
    except OSError as error:
        raise TimescaleError(
            f"cannot be written: {error.strerror}", where=str(path), hint="run it with sudo, or give another --file"
        ) from error


def _check(connection: psycopg.Connection, path: Path) -> None:
    row = connection.execute("SELECT count(*) FROM pg_file_settings WHERE sourcefile = %s", (str(path),)).fetchone()
    if row == (0,):
        raise TimescaleError(
            "the server does not read this file; it was taken back",
            where=str(path),
            hint=f"it may run in a container: {BY_HAND}",
        )
    faults = connection.execute(FAULTS, (str(path),)).fetchall()
    if faults:
        told = "; ".join(f"line {line}, {name}: {error}" for line, name, error in faults)
        raise TimescaleError(
            f"the server would not take it, so it was taken back: {told}",
            where=str(path),
            hint="is PostgreSQL older than 15, or built without zstd?",
        )


def _reload(connection: psycopg.Connection) -> None:
    """Have the settings loaded, and wait until this connection has them too."""
    before = connection.execute("SELECT pg_conf_load_time()").fetchone()
    connection.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + RELOAD_WAIT_S
    while connection.execute("SELECT pg_conf_load_time()").fetchone() == before and time.monotonic() < deadline:
        time.sleep(0.05)


def _take_back(path: Path, before: bytes | None) -> None:
    if before is not None:
        write_bytes_durably(path, before, mode=READABLE)
    else:
        path.unlink()
        fsync_dir(path.parent)
