"""The file that the live engine is fed from, written whole: beside, flushed, and renamed over the one before.

live_engine/streams/market_export.py says what it holds, and reads it.
"""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pi5_pipelines.durable import fsync_dir, replace_durably
from pi5_pipelines.errors import FeedError
from pi5_pipelines.lake.durability import write_lock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

FORMAT = 1
FILE = "market.sqlite"
LOCK_TIMEOUT_S = 60.0
TABLES = {
    "instruments": """
        symbol TEXT NOT NULL PRIMARY KEY, tick_size TEXT NOT NULL,
        price_scale INTEGER NOT NULL, size_scale INTEGER NOT NULL, lot TEXT NOT NULL,
        currency TEXT NOT NULL, calendar TEXT NOT NULL, venue TEXT NOT NULL""",
    "sessions": """
        calendar TEXT NOT NULL, opens_us INTEGER NOT NULL, closes_us INTEGER NOT NULL,
        PRIMARY KEY (calendar, opens_us)""",
    "corporate_actions": """
        symbol TEXT NOT NULL, ts_us INTEGER NOT NULL, kind TEXT NOT NULL,
        numerator INTEGER NOT NULL, denominator INTEGER NOT NULL, amount TEXT NOT NULL,
        PRIMARY KEY (symbol, ts_us, kind)""",
    "bars": """
        symbol TEXT NOT NULL, timeframe TEXT NOT NULL, ts_us INTEGER NOT NULL,
        open TEXT NOT NULL, high TEXT NOT NULL, low TEXT NOT NULL, close TEXT NOT NULL, volume TEXT NOT NULL,
        PRIMARY KEY (symbol, timeframe, ts_us)""",
}
META = "key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL"


@dataclass(frozen=True, slots=True)
class Written:
    """What a file holds: rows of each table, the sha256 of them all, when that was first published, its bytes."""

    rows: dict[str, int]
    content: str
    written_ns: int
    bytes: int


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the file for writing, from reading the lake on: an older state of it must not come after a newer one.

    Raises FeedError, and LakeLockedError when another process keeps it.
    """
    with ExitStack() as held:
        try:
            if not path.parent.exists():
                path.parent.mkdir(parents=True)
                fsync_dir(path.parent.parent)
            held.enter_context(write_lock(path.parent, path.name, LOCK_TIMEOUT_S, where=str(path)))
        except OSError as error:
            raise _unwritten(path, error) from error
        yield


def write(
    path: Path, contents: Mapping[str, Iterable[Sequence[tuple[Any, ...]]]], meta: Mapping[str, object], now_ns: int
) -> Written:
    """Replace the file by one with these rows, in their order, batch by batch; raises FeedError.

    The same rows make the same file, byte by byte: where nothing has changed, `written_ns` is that of the file before.
    A kill at any moment leaves the file before. Call it while holding `alone`.
    """
    temporary = path.parent / f".{path.name}.tmp"
    try:
        temporary.unlink(missing_ok=True)  # a killed one's
        try:
            # Nobody sees it before it is renamed: it needs no journal, and one flush.
            with closing(sqlite3.connect(temporary, isolation_level=None)) as database:
                database.execute("PRAGMA journal_mode = OFF")
                database.execute("PRAGMA synchronous = OFF")
                written = _fill(database, contents, meta, _before(path), now_ns)
            size = temporary.stat().st_size
            replace_durably(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise _unwritten(path, error) from error
    return Written(*written, bytes=size)


def _fill(
    database: sqlite3.Connection,
    contents: Mapping[str, Iterable[Sequence[tuple[Any, ...]]]],
    meta: Mapping[str, object],
    before: tuple[str, int],
    now_ns: int,
) -> tuple[dict[str, int], str, int]:
    digest = hashlib.sha256()
    counts = {}
    database.execute("BEGIN")
    for table, columns in {"meta": META, **TABLES}.items():
        database.execute(f"CREATE TABLE {table} ({columns}) WITHOUT ROWID")
    for table in TABLES:
        counts[table] = 0
        digest.update(table.encode())
        for rows in contents[table]:
            if not rows:
                continue
            counts[table] += len(rows)
            digest.update("".join(map(repr, rows)).encode())
            places = ", ".join("?" * len(rows[0]))
            database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)  # noqa: S608 - our own names
    content = digest.hexdigest()
    written_ns = before[1] if before[0] == content else now_ns
    told = {**meta, "format": FORMAT, "content": content, "written_ns": written_ns}
    database.executemany("INSERT INTO meta VALUES (?, ?)", sorted((key, str(value)) for key, value in told.items()))
    database.execute("COMMIT")
    return counts, content, written_ns


def _unwritten(path: Path, error: Exception) -> FeedError:
    return FeedError(
        f"cannot be written: {error}",
        where=str(path),
        hint="look for a full disk or missing rights; the file before is as it was",
    )


def _before(path: Path) -> tuple[str, int]:
    """Content and time of the file that is there; nothing where there is none, or none that can be read."""
    with suppress(sqlite3.Error, ValueError, KeyError), closing(reading(path)) as database:
        meta = dict(database.execute("SELECT key, value FROM meta"))
        return meta["content"], int(meta["written_ns"])
    return "", 0


def reading(path: Path) -> sqlite3.Connection:
    """The file, opened to be read; raises sqlite3.Error."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
