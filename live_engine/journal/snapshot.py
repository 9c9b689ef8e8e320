"""Snapshots of the engine's state: start-up is the newest one and the fold of the events after it.

The journal does not look into the bytes. Two are kept, so that one that proves unreadable has a predecessor; retention
leaves every event after the older one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.errors import EventRefusedError
from live_engine.journal import schema

if TYPE_CHECKING:
    import sqlite3

KEPT = 2


def store(connection: sqlite3.Connection, seq: int, body: bytes) -> None:
    """Keep the state after event `seq` within the caller's transaction, and drop what is older than its predecessor.

    Raises EventRefusedError when the journal does not have that event.
    """
    if connection.execute("SELECT 1 FROM events WHERE seq = ?", (seq,)).fetchone() is None:
        raise EventRefusedError(
            f"there is no event {seq}",
            where="snapshot of the journal",
            hint=f"take it at an event that was acknowledged; the last is {schema.last_seq_of(connection)}",
        )
    connection.execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", (seq, body))
    keep = "SELECT seq FROM snapshots ORDER BY seq DESC LIMIT ?"
    connection.execute(f"DELETE FROM snapshots WHERE seq NOT IN ({keep})", (KEPT,))  # noqa: S608 - own text


def newest(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
    """The newest snapshot and the seq of the last event in it; None when there is none."""
    row: tuple[int, bytes] | None = connection.execute(
        "SELECT seq, body FROM snapshots ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return row


def foldable_from(connection: sqlite3.Connection) -> int:
    """The seq up to which events may go while every kept snapshot can still be folded from; 0: none may."""
    return int(connection.execute("SELECT coalesce(min(seq), 0) FROM snapshots").fetchone()[0])
