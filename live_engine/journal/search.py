"""Full-text search over events, with an FTS5 index in a file of its own that is brought up to date when asked.

Nothing is indexed when an event is written: measured with 41,000 intents, a trigger in the journal halved the events a
second (21,600 to 10,000) and made an event a third larger (343 to 444 bytes), and a damaged page of the index would be
a damaged journal. Here the first search after a while pays for the events since (21 us each), and the file may be
thrown away at any time. It holds words and seqs only; the events come from the journal.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import msgspec

from live_engine.errors import EventRefusedError
from live_engine.events import encoder
from live_engine.journal.connection import explained
from live_engine.journal.reader import JournalReader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_engine.events import Event

EVENTS_PER_COMMIT = 20_000
BUSY_TIMEOUT_S = 60.0  # another search may be indexing
SCHEMA = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(text, content='')",
    "CREATE TABLE IF NOT EXISTS state (epoch TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT",
)
FIND = "SELECT rowid FROM words WHERE words MATCH ? AND rowid >= ? ORDER BY rowid DESC LIMIT ?"


def search(path: Path, query: str, *, limit: int = 50) -> list[Event]:
    """The newest events that hold every word of `query`, in order of seq; `word*` finds what begins so.

    Words are looked for in the event's type, its flow and all its values. Raises as JournalReader does,
    EventRefusedError for a query without words, and JournalWriteError when the index cannot be written.
    """
    wanted = _match(query)
    index = path.with_name("search.sqlite")
    with JournalReader(path) as reader:
        try:
            return _search(reader, index, wanted, limit)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise explained(error, index) from error
        _remove(index)  # damaged, and only a copy of what the journal says
        try:
            return _search(reader, index, wanted, limit)
        except sqlite3.Error as error:
            raise explained(error, index) from error


def _search(reader: JournalReader, index: Path, wanted: str, limit: int) -> list[Event]:
    first = reader.first_seq()
    if _is_stale(index, reader.epoch(), first):
        _remove(index)
    with closing(_open(index)) as connection:
        while _index_more(connection, reader):
            pass
        rows = connection.execute(FIND, (wanted, first, limit)).fetchall()
    return reader.at([row[0] for row in rows])


def _open(index: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(index, timeout=BUSY_TIMEOUT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is indexed again
        for statement in SCHEMA:
            connection.execute(statement)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_stale(index: Path, epoch: str, first_seq: int) -> bool:
    """Whether it belongs to another journal, or retention has taken more than half of what it knows."""
    if not index.exists():
        return False
    with closing(_open(index)) as connection:
        row = connection.execute("SELECT epoch, first, last FROM state").fetchone()
    return row is not None and (row[0] != epoch or (first_seq - row[1]) * 2 > row[2] - row[1] + 1)


def _index_more(connection: sqlite3.Connection, reader: JournalReader) -> bool:
    """Index the next events in one transaction; whether there were any."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        row = connection.execute("SELECT last FROM state").fetchone()
        events = reader.after(row[0] if row else 0, EVENTS_PER_COMMIT)
        if events:
            texts = ((event.seq, " ".join(_words(event))) for event in events)
            connection.executemany("INSERT INTO words (rowid, text) VALUES (?, ?)", texts)
            if row:
                connection.execute("UPDATE state SET last = ?", (events[-1].seq,))
            else:
                new = (reader.epoch(), events[0].seq, events[-1].seq)
                connection.execute("INSERT INTO state VALUES (?, ?, ?)", new)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return bool(events)


def _words(event: Event) -> Iterator[str]:
    if event.flow:
        yield event.flow
    yield from _values(msgspec.json.decode(encoder.encode(event.body)))


def _values(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from _values(one)
    elif isinstance(value, list):
        for one in value:
            yield from _values(one)
    elif value is not None:
        yield str(value)


def _match(query: str) -> str:
    """An FTS5 expression in which nothing of the query is syntax but a `*` at the end of a word."""
    words = [(word.rstrip("*"), word.endswith("*")) for word in query.replace("\0", " ").split()]
    phrases = [f'"{word.replace(chr(34), chr(34) * 2)}"{"*" if begins else ""}' for word, begins in words if word]
    if not any(character.isalnum() for word, _ in words for character in word):
        hint = "give words of the event, such as an order's id, a symbol or a type"
        raise EventRefusedError("there is no word to look for", where=f"query {query!r}", hint=hint)
    return " ".join(phrases)


def _remove(index: Path) -> None:
    for name in (index.name, f"{index.name}-wal", f"{index.name}-shm"):
        with suppress(FileNotFoundError):
            index.with_name(name).unlink()
