"""Connections to TimescaleDB for the projection, and its errors in one clear line each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from live_engine.errors import LiveEngineError, ProjectionError

if TYPE_CHECKING:
    from psycopg import AsyncConnection

    from live_engine.settings import Database

STATEMENT_TIMEOUT_S = 30
# A peer that lost its power says nothing any more: the kernel finds out within half a minute.
PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "live-engine",
}
LOGIN_REFUSED = re.compile(r"password authentication failed|no password supplied|does not exist|not permitted|pg_hba")


async def connected(database: Database) -> AsyncConnection[Any]:
    """A connection in autocommit mode; raises ProjectionError and psycopg.Error."""
    from psycopg import AsyncConnection

    # No prepared statements: a pooler between the two may hand on each transaction to another session.
    return await AsyncConnection.connect(_conninfo(database), autocommit=True, prepare_threshold=None)


def shown(database: Database) -> str:
    """USER@HOST:PORT/DATABASE; never a password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(database.dsn)
    except ProgrammingError:
        return "TimescaleDB"
    user, host, port = parts.get("user", ""), parts.get("host") or "local", parts.get("port", 5432)
    return f"TimescaleDB {f'{user}@' if user else ''}{host}:{port}/{parts.get('dbname') or user}"


def told(error: Exception, database: Database) -> str:
    """What happened, where, and how to mend it, in one line."""
    from psycopg import OperationalError, errors

    if isinstance(error, LiveEngineError):
        return " ".join(str(error).split())
    text = "it has not answered in time" if isinstance(error, TimeoutError) else " ".join(str(error).split())
    hints: tuple[tuple[bool, str], ...] = (
        (isinstance(error, errors.UndefinedTable | errors.UndefinedColumn), "run `pi5 db migrate`"),
        (isinstance(error, errors.InsufficientPrivilege), "`pi5 db user NAME --role engine` gives a user the right"),
        (isinstance(error, errors.ReadOnlySqlTransaction), "this is a replica: [timescale] dsn is the primary's"),
        (
            isinstance(error, OperationalError) and bool(LOGIN_REFUSED.search(text)),
            f"look at user and password of {database.origin}",
        ),
        (isinstance(error, OperationalError | TimeoutError), "is the server up? Nothing is lost, it is tried again"),
    )
    hint = next((hint for fits, hint in hints if fits), f"{type(error).__name__}; it is tried again")
    return f"{shown(database)}: {text} ({hint})"


def _conninfo(database: Database) -> str:
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    try:
        parts = {key: str(value) for key, value in {**PATIENCE, **conninfo_to_dict(database.dsn)}.items()}
    except ProgrammingError:
        raise ProjectionError(  # libpq would repeat it, with the password
            "it is no connection string", where=database.origin, hint="write postgresql://USER@HOST:PORT/DATABASE"
        ) from None
    parts["client_encoding"] = "utf8"
    if database.password_file:
        parts["password"] = _password(Path(database.password_file).expanduser())
    return make_conninfo(**parts)


def _password(path: Path) -> str:
    """The one line of a password file, read at every connection: a new password needs no restart."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        what = f"cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}"
        raise ProjectionError(what, where=f"password file {path}", hint="look at its name and its rights") from None
    if mode & 0o077:
        raise ProjectionError("others can read it", where=f"password file {path}", hint=f"chmod 600 {path}")
    if not text or "\n" in text or "\0" in text:
        raise ProjectionError(
            "it must hold one line, the password", where=f"password file {path}", hint="write it anew"
        )
    return text
