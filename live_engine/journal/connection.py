"""Connections to the journal's file, and what SQLite's errors mean for it."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from live_engine.errors import (
    JournalDamagedError,
    JournalError,
    JournalLockedError,
    JournalMissingError,
    JournalUnreadableError,
    JournalWriteError,
)

if TYPE_CHECKING:
    from pathlib import Path

BUSY_TIMEOUT_S = 5.0
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
HELD = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
RESTORE_HINT = "`live-engine journal verify` tells what is whole; restore the journal from a backup"


def open_to_read(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; text comes as bytes. Raises JournalMissingError when there is no file."""
    if not path.is_file():
        raise JournalMissingError(
            "there is no journal", where=str(path), hint="it is made when the engine starts; is `home` right?"
        )
    # On a read-only device SQLite cannot make the files that it shares with a writer; there can be no writer either.
    fixed = not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()
    connection = _connect(path, "mode=ro&immutable=1" if fixed else "mode=ro")
    connection.text_factory = bytes
    return connection


def open_to_write(path: Path) -> sqlite3.Connection:
    """A connection whose commits are on the device when they return, and that leaves checkpoints to its owner."""
    connection = _connect(path, "mode=rwc")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA secure_delete = OFF")  # old events are no secret: their pages need no overwriting
    except BaseException:
        connection.close()
        raise
    return connection


def explained(error: sqlite3.Error, path: Path) -> JournalError:
    """The one clear error that stands for SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the low byte; the rest only details it
    where = str(path)
    if code in DAMAGED:
        return JournalDamagedError(f"damaged: {error}", where=where, hint=RESTORE_HINT)
    if code in HELD:
        hint = "end the program that has it open for writing (sqlite3, a backup?)"
        return JournalLockedError(f"held by another program for more than {BUSY_TIMEOUT_S:g} s", where=where, hint=hint)
    if code == sqlite3.SQLITE_CANTOPEN:
        hint = "is it readable, and its folder writable? Else copy it with its -wal to a folder that is"
        return JournalUnreadableError(f"cannot be opened: {error}", where=where, hint=hint)
    return JournalWriteError(
        f"the device failed: {error}",
        where=where,
        hint="look at free space, mount options and `dmesg`, then start again; what was acknowledged is kept",
    )


def _connect(path: Path, options: str) -> sqlite3.Connection:
    address = f"file:{quote(str(path.absolute()))}?{options}"
    return sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
