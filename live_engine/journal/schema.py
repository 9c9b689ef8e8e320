"""How the journal lies in its SQLite file, and the numbered steps that bring an older file up to that.

`PRAGMA application_id` says that a file is a journal, `PRAGMA user_version` how many steps it has had. A step is one
transaction: a power cut leaves it done or not begun. Tables:

- events: what happened, in the order of `seq`. `type` and `client_order_id` are taken from the body; `crc` is that of
  the body (`checksum`), since SQLite keeps none of what it has in the file.
- meta: `epoch`, a random name that a journal gets once. Another epoch under the same path is another journal.
- consumers: how far each reader that must miss nothing has come.
- snapshots: the state after an event, as bytes that the journal does not look into.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from live_engine.errors import JournalDamagedError, JournalMissingError, JournalNewerError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

APPLICATION_ID = 0x5069354A  # "Pi5J"
DAY_NS = 86_400_000_000_000
MAX_SEQ = 2**63 - 1

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE events (
            seq INTEGER PRIMARY KEY, wall_ns INTEGER NOT NULL, mono_ns INTEGER NOT NULL, type TEXT NOT NULL,
            cause INTEGER NOT NULL, flow TEXT NOT NULL, client_order_id TEXT, body TEXT NOT NULL,
            crc INTEGER NOT NULL
        ) STRICT""",
        "CREATE INDEX events_of_order ON events (client_order_id) WHERE client_order_id IS NOT NULL",
        "CREATE UNIQUE INDEX intents ON events (client_order_id) WHERE type = 'OrderIntent'",
        "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
        """CREATE TABLE consumers (
            name TEXT PRIMARY KEY, seq INTEGER NOT NULL, moved_ns INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID""",
        "CREATE TABLE snapshots (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT",
    ),
)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: Path, *, epoch: str, created_ns: int) -> None:
    """Bring a file to this program's version; a new file gets `epoch` and `created_ns`.

    Raises JournalNewerError for a file of a newer program and JournalDamagedError for another program's database.
    """
    if not _is_empty(connection):
        check(connection, path)
    for number in range(_version(connection) + 1, VERSION + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in MIGRATIONS[number - 1]:
                connection.execute(statement)
            if number == 1:
                new = [("epoch", epoch), ("created_ns", str(created_ns))]
                connection.executemany("INSERT INTO meta VALUES (?, ?)", new)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {number}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def check(connection: sqlite3.Connection, path: Path) -> None:
    """Raise JournalDamagedError when the file is no journal, JournalNewerError when a newer program wrote it.

    A journal that is just being made is none yet: JournalMissingError.
    """
    if _is_empty(connection):
        raise JournalMissingError(
            "the journal is being made, or that was broken off",
            where=str(path),
            hint="look again in a moment; the engine makes it when it starts",
        )
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise JournalDamagedError(
            "an SQLite file, but no journal of the live engine",
            where=str(path),
            hint="move it aside and restore the journal from a backup",
        )
    version = _version(connection)
    if version > VERSION:
        raise JournalNewerError(
            f"its schema has version {version}, this program knows {VERSION}",
            where=str(path),
            hint="update the program, or restore the journal of before the update",
        )


def epoch_of(connection: sqlite3.Connection) -> str:
    """The random name that the journal got when it was made, 32 hexadecimal digits."""
    value: str | bytes = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
    return value.decode() if isinstance(value, bytes) else value


def last_seq_of(connection: sqlite3.Connection) -> int:
    """The seq of the newest event; 0 when there is none."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0])


def first_seq_of(connection: sqlite3.Connection) -> int:
    """The seq of the oldest event that is kept; 0 when there is none."""
    return int(connection.execute("SELECT coalesce(min(seq), 0) FROM events").fetchone()[0])


def checksum(seq: int, body: bytes) -> int:
    """CRC-32 of a body, begun at its seq so that a body in another's place is noticed too."""
    return zlib.crc32(body, seq & 0xFFFFFFFF)


def _is_empty(connection: sqlite3.Connection) -> bool:
    return _version(connection) == 0 and not connection.execute("SELECT 1 FROM sqlite_schema LIMIT 1").fetchone()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
