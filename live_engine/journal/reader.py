"""Reading the journal, beside its writer or without one: in the order of `seq`, never half a commit."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import msgspec

from live_engine.errors import JournalDamagedError, JournalNewerError
from live_engine.events import AnyBody, Event, decoder
from live_engine.journal import schema, snapshot
from live_engine.journal.connection import RESTORE_HINT, explained, open_to_read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from live_engine.events import Body

PAGE_EVENTS = 2_000
POLL_S = 0.2
COLUMNS = "seq, wall_ns, mono_ns, body, cause, flow, crc"
KNOWN: dict[str, int] = {
    body.__name__: next(field.default for field in msgspec.structs.fields(body) if field.name == "v")
    for body in AnyBody.__args__
}

Row = tuple[int, int, int, bytes, int, bytes, int]


class JournalReader:
    """The journal at `path`, opened read-only.

    Every method raises JournalDamagedError for what cannot be read, JournalNewerError for what a newer program wrote,
    and JournalLockedError; opening also raises JournalMissingError and JournalUnreadableError.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._explained():
            self._connection = open_to_read(path)
            try:
                schema.check(self._connection, path)
            except BaseException:
                self._connection.close()
                raise

    def after(self, seq: int, limit: int = PAGE_EVENTS) -> list[Event]:
        """The next events after `seq`, at most `limit`; retention may have taken those before `first_seq`."""
        with self._explained():
            statement = f"SELECT {COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - own columns
            rows: list[Row] = self._connection.execute(statement, (min(seq, schema.MAX_SEQ), limit)).fetchall()
        self._refuse_gap(rows)
        return self._events(rows)

    def since(self, seq: int) -> Iterator[Event]:
        """All events after `seq` that are there by now, holding one page of them at a time."""
        page = self.after(seq)
        while page:
            yield from page
            seq = page[-1].seq
            page = self.after(seq)
            if page and page[0].seq != seq + 1:
                raise self._missing(seq + 1)

    def at(self, seqs: Sequence[int]) -> list[Event]:
        """The events of these seqs that are there, in their order in the journal."""
        found: list[Row] = []
        with self._explained():
            statement = f"SELECT {COLUMNS} FROM events WHERE seq = ?"  # noqa: S608 - own columns
            for seq in sorted(seqs):
                found += self._connection.execute(statement, (seq,)).fetchall()
        return self._events(found)

    def of_order(self, client_order_id: str) -> list[Event]:
        """All events of one order, in order."""
        with self._explained():
            statement = f"SELECT {COLUMNS} FROM events WHERE client_order_id = ? ORDER BY seq"  # noqa: S608 - own columns
            rows: list[Row] = self._connection.execute(statement, (client_order_id,)).fetchall()
        return self._events(rows)

    def of_type(self, kind: type[Body], seq: int, limit: int) -> list[Event]:
        """The next events of one type after `seq`, at most `limit`."""
        with self._explained():
            statement = f"SELECT {COLUMNS} FROM events WHERE seq > ? AND type = ? ORDER BY seq LIMIT ?"  # noqa: S608
            rows: list[Row] = self._connection.execute(statement, (seq, kind.__name__, limit)).fetchall()
        return self._events(rows)

    def of_types(self, kinds: Sequence[type[Body]], seq: int, limit: int) -> list[Event]:
        """The next events of some types after `seq`, at most `limit`."""
        names, found = [kind.__name__ for kind in kinds], list[Row]()
        with self._explained():
            wanted = ", ".join("?" * len(names))
            statement = f"SELECT {COLUMNS} FROM events WHERE seq > ? AND type IN ({wanted}) ORDER BY seq LIMIT ?"  # noqa: S608
            found = self._connection.execute(statement, (seq, *names, limit)).fetchall()
        return self._events(found)

    def tail(
        self, from_seq: int, *, poll_s: float = POLL_S, sleep: Callable[[float], object] = time.sleep
    ) -> Iterator[Event]:
        """Events after `from_seq`, then each new one as it is committed, without end."""
        while True:
            seen = self._changes()
            for event in self.since(from_seq):
                from_seq = event.seq
                yield event
            while self._changes() == seen:
                sleep(poll_s)

    def last_seq(self) -> int:
        """The seq of the newest event; 0 when there is none."""
        with self._explained():
            return schema.last_seq_of(self._connection)

    def first_seq(self) -> int:
        """The seq of the oldest event that retention has left; 0 when there is none."""
        with self._explained():
            return schema.first_seq_of(self._connection)

    def epoch(self) -> str:
        """The journal's own random name: another one under the same path is another journal, and seq starts anew."""
        with self._explained():
            return schema.epoch_of(self._connection)

    def consumers(self) -> dict[str, int]:
        """How far each registered consumer has come."""
        with self._explained():
            rows = self._connection.execute("SELECT name, seq FROM consumers ORDER BY name").fetchall()
        return {name.decode(): seq for name, seq in rows}

    def snapshot(self) -> tuple[int, bytes] | None:
        """The newest snapshot and the seq of the last event in it; state is that, and the fold of what came after."""
        with self._explained():
            return snapshot.newest(self._connection)

    def integrity(self) -> list[str]:
        """What SQLite finds wrong with the file's pages and indexes; nothing when it is whole."""
        with self._explained():
            rows = self._connection.execute("PRAGMA integrity_check").fetchall()
        found = [row[0].decode() for row in rows]
        return [] if found == ["ok"] else found

    def days(self, before_ns: int) -> list[tuple[int, int, int]]:
        """UTC days (counted from 1970) that ended before a moment: the day, its lowest and its highest seq."""
        statement = """SELECT wall_ns / ? AS day, min(seq), max(seq) FROM events WHERE wall_ns < ?
            GROUP BY day ORDER BY day"""
        end = before_ns - before_ns % schema.DAY_NS
        with self._explained():
            return self._connection.execute(statement, (schema.DAY_NS, end)).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise explained(error, self.path) from error

    def _changes(self) -> int:
        """A number that differs after another connection's commit; asking for it reads no page."""
        with self._explained():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _refuse_gap(self, rows: list[Row]) -> None:
        if rows and rows[-1][0] - rows[0][0] + 1 != len(rows):
            seqs = {row[0] for row in rows}
            raise self._missing(next(seq for seq in range(rows[0][0], rows[-1][0]) if seq not in seqs))

    def _missing(self, seq: int) -> JournalDamagedError:
        what = f"event {seq} is missing, or was removed while it was to be read"
        return JournalDamagedError(what, where=str(self.path), hint=RESTORE_HINT)

    def _events(self, rows: list[Row]) -> list[Event]:
        events, checksum = [], schema.checksum
        for seq, wall_ns, mono_ns, text, cause, flow, crc in rows:
            if checksum(seq, text) != crc:
                raise self._damaged(seq, "its body is not what was written (wrong checksum)")
            try:
                body = decoder.decode(text)
                name = flow.decode() if flow else ""
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                raise self._undecodable(seq, text, error) from error
            if body.v > 1 and body.v > KNOWN[type(body).__name__]:
                raise self._newer(seq, f"version {body.v} of {type(body).__name__} is newer than this program")
            events.append(Event(seq=seq, wall_ns=wall_ns, mono_ns=mono_ns, body=body, cause=cause, flow=name))
        return events

    def _undecodable(self, seq: int, text: bytes, error: Exception) -> JournalDamagedError | JournalNewerError:
        try:
            kind = msgspec.json.decode(text, type=dict[str, object]).get("type")
        except (msgspec.MsgspecError, UnicodeDecodeError):
            kind = None
        if isinstance(kind, str) and kind not in KNOWN:
            return self._newer(seq, f"{kind!r} is no event that this program knows")
        return self._damaged(seq, f"cannot be read: {error}")

    def _damaged(self, seq: int, what: str) -> JournalDamagedError:
        return JournalDamagedError(what, where=f"{self.path}, event {seq}", hint=RESTORE_HINT)

    def _newer(self, seq: int, what: str) -> JournalNewerError:
        return JournalNewerError(what, where=f"{self.path}, event {seq}", hint="update the program")
