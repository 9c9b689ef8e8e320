"""How far those have come who must miss no event: retention waits for the slowest of them.

The engine's own consumers go through `Journal.run`. Another process moves its place with `move`, which waits its turn
for SQLite's write lock; the engine's next commit waits for that one flush.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from live_engine.errors import EventRefusedError
from live_engine.journal import schema
from live_engine.journal.connection import explained, open_to_read, open_to_write

if TYPE_CHECKING:
    from pathlib import Path

PUT = """INSERT INTO consumers VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET
    seq = excluded.seq, moved_ns = excluded.moved_ns WHERE excluded.seq > consumers.seq"""


def place(connection: sqlite3.Connection, name: str, seq: int, now_ns: int) -> None:
    """Register a consumer or move it forward within the caller's transaction; it never goes back.

    Raises EventRefusedError for an event that the journal does not have yet.
    """
    last = schema.last_seq_of(connection)
    if not 0 <= seq <= last:
        raise EventRefusedError(
            f"event {seq} is beyond the last one, {last}",
            where=f"consumer {name!r} of the journal",
            hint="was the journal replaced by an older one? Compare the epoch, and read from the start",
        )
    connection.execute(PUT, (name, seq, now_ns))


def forget(connection: sqlite3.Connection, name: str) -> None:
    """Let retention wait for a consumer no longer, within the caller's transaction; nothing if there is none."""
    connection.execute("DELETE FROM consumers WHERE name = ?", (name,))


def move(path: Path, name: str, seq: int, *, now_ns: int, back: bool = False) -> None:
    """Register or move a consumer from outside the engine, with `back` also to where it has been before.

    Raises as JournalReader does, and as `place`.
    """
    try:
        with closing(open_to_read(path)) as connection:  # a missing journal is not made, another file not touched
            schema.check(connection, path)
        with closing(open_to_write(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            if back:
                forget(connection, name)
            place(connection, name, seq, now_ns)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise explained(error, path) from error
