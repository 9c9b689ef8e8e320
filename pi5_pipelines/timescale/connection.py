"""Who connects to the hot tier and how; what goes wrong there becomes one clear error."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pi5_pipelines.errors import (
    ConfigError,
    ExtensionError,
    Pi5Error,
    TimescaleError,
    TimescaleLoginError,
    TimescaleUnreachableError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg
    from psycopg_pool import ConnectionPool

    from pi5_pipelines.settings import TimescaleSettings

T = TypeVar("T")

RETRIES = 6  # with pauses of together some ten seconds: a server that restarts is back by then
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 5.0
# A server that lost its power says nothing any more: the kernel finds out within half a minute.
PATIENCE = {
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "application_name": "pi5",
}
LOGIN_REFUSED = re.compile(
    r"password authentication failed|no password supplied|does not exist|not permitted|no pg_hba|permission denied"
)
LIBRARY_LACKING = re.compile(
    r'could not access file "\$libdir/timescaledb|must be (pre)?loaded|shared_preload_libraries'
)
LIBRARY_HINT = (
    "preload it (shared_preload_libraries = 'timescaledb', restart); after an upgrade of its package "
    "run ALTER EXTENSION timescaledb UPDATE as the first command of a session (psql -X)"
)


@dataclass(frozen=True, slots=True)
class Access:
    """A database as one user: the libpq connection string with the password in it, and how it may be shown."""

    conninfo: str = field(repr=False)
    shown: str
    pool_size: int = 4


def access(settings: TimescaleSettings, *, reader: bool = False) -> Access:
    """The access that pi5.toml describes; the reader's own where there is one. Raises ConfigError."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    own = reader and bool(settings.reader_dsn)
    key = "reader_dsn" if own else "dsn"
    dsn = settings.reader_dsn if own else settings.dsn
    file = settings.reader_password_file if own else settings.password_file
    if not dsn:
        raise ConfigError(
            "no TimescaleDB is configured",
            where="[timescale] dsn",
            hint="give it one such as postgresql://pi5@127.0.0.1/pi5; docs/operations.md says how to install it",
        )
    try:
        parts = PATIENCE | {key: str(value) for key, value in conninfo_to_dict(dsn).items()}
        parts.setdefault("connect_timeout", str(settings.connect_timeout_s))
        parts["client_encoding"] = "utf8"
        if file:
            parts["password"] = password(Path(file).expanduser())
        conninfo = make_conninfo(**parts)
    except ProgrammingError as error:
        raise ConfigError(
            f"it is no connection string: {str(error).strip()}",
            where=f"[timescale] {key}",
            hint="write it as postgresql://USER@HOST:PORT/DATABASE",
        ) from error
    return Access(conninfo, shown(conninfo), settings.pool_size)


def password(path: Path) -> str:
    """The first line of a password file; refuses one that others can read. Raises ConfigError."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read: {error}", where=f"password file {path}") from error
    if mode & 0o077:
        raise ConfigError("others can read it", where=f"password file {path}", hint=f"chmod 600 {path}")
    if not text or "\n" in text or "\0" in text:
        raise ConfigError("it must hold one line, the password", where=f"password file {path}")
    return text


def shown(conninfo: str) -> str:
    """USER@HOST:PORT/DATABASE, without the password."""
    from psycopg.conninfo import conninfo_to_dict

    parts = conninfo_to_dict(conninfo)
    user, host, port = parts.get("user", ""), parts.get("host") or "local", parts.get("port", 5432)
    return f"TimescaleDB {f'{user}@' if user else ''}{host}:{port}/{parts.get('dbname') or user}"


@contextmanager
def connect(access: Access) -> Iterator[psycopg.Connection]:
    """A connection in autocommit mode, closed at the end; raises TimescaleError."""
    import psycopg

    with explained(access.shown):
        connection = psycopg.connect(access.conninfo, autocommit=True)
    try:
        with explained(access.shown):
            yield connection
    finally:
        connection.close()


@contextmanager
def pool(access: Access) -> Iterator[ConnectionPool]:
    """A pool of connections in autocommit mode that replaces the broken ones; raises TimescaleError."""
    from psycopg_pool import ConnectionPool

    with connect(access):
        pass  # the pool itself would only say that it took too long
    with (
        explained(access.shown),
        ConnectionPool(
            access.conninfo,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=access.pool_size,
            check=ConnectionPool.check_connection,
            timeout=LONGEST_PAUSE_S,
            name=access.shown,
        ) as made,
    ):
        yield made


def retrying(work: Callable[[], T]) -> T:
    """Do work that may be repeated whole; again when another transaction, or a broken connection, was in its way."""
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

    attempts = Retrying(
        retry=retry_if_exception(is_passing),
        stop=stop_after_attempt(RETRIES),
        wait=wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S),
        reraise=True,
    )
    return attempts(work)


def is_passing(error: BaseException) -> bool:
    """Whether trying again may help: serialization failures, deadlocks, recovery conflicts, lost connections."""
    from psycopg import InterfaceError, OperationalError, errors
    from psycopg_pool import PoolTimeout

    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected | errors.LockNotAvailable):
        return True
    if isinstance(error, PoolTimeout | InterfaceError):
        return True
    if not isinstance(error, OperationalError) or LOGIN_REFUSED.search(str(error)):
        return False
    # Classes 08 and 57P: the connection broke, the server stops or starts; without a code libpq itself lost it.
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P0"))


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn what psycopg raises within into the errors of pi5."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        raise explanation(error, where) from error


def explanation(error: psycopg.Error, where: str) -> Pi5Error:
    """The error of pi5 that stands for one of psycopg's."""
    from psycopg import OperationalError, errors
    from psycopg_pool import PoolTimeout

    text = " ".join(str(error).split())
    known: tuple[tuple[bool, type[TimescaleError], str], ...] = (
        (bool(LIBRARY_LACKING.search(text)), ExtensionError, LIBRARY_HINT),
        (isinstance(error, errors.DiskFull), TimescaleError, "free some room and repeat it: what was committed stays"),
        (
            isinstance(error, errors.InsufficientPrivilege),
            TimescaleLoginError,
            "`pi5 db user` gives a user its role: owner, writer or reader",
        ),
        (isinstance(error, errors.UndefinedTable | errors.UndefinedColumn), TimescaleError, "run `pi5 db migrate`"),
        (
            isinstance(error, errors.ReadOnlySqlTransaction),
            TimescaleError,
            "this is a replica: give [timescale] dsn the primary's address",
        ),
        (
            isinstance(error, OperationalError) and bool(LOGIN_REFUSED.search(text)),
            TimescaleLoginError,
            "look at [timescale] dsn and password_file",
        ),
        (
            isinstance(error, PoolTimeout) or is_passing(error),
            TimescaleUnreachableError,
            "is the server up? `systemctl status postgresql`; what was committed stays, and repeating completes it",
        ),
    )
    for fits, kind, hint in known:
        if fits:
            return kind(text, where=where, hint=hint)
    return TimescaleError(text, where=where, hint=f"PostgreSQL's error code is {error.sqlstate}")
