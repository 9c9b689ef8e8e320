"""The journal as the ledger reads it: beside the engine, read-only, and refused when it is not the one it knows."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import chain, islice
from typing import TYPE_CHECKING

from live_engine.errors import JournalError
from live_engine.journal import consumers
from live_engine.journal.export import exported
from live_engine.journal.reader import JournalReader
from pi5_pipelines.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_engine.events import Event
    from pi5_pipelines.ledger.offset import Offset
    from pi5_pipelines.settings import Settings

CONSUMER = "ledger"


def journal_file(settings: Settings) -> Path:
    """Where the engine's journal lies."""
    return settings.folder("journal") / "live.sqlite"


@contextmanager
def plainly() -> Iterator[None]:
    """Say what is wrong with the journal as a LedgerError."""
    try:
        yield
    except JournalError as error:
        raise LedgerError(error.what, where=error.where, hint=error.hint) from error


class Source:
    """A journal, and the folder where its old days were exported; raises LedgerError."""

    def __init__(self, path: Path, exports: Path) -> None:
        self.path = path
        with plainly():
            self._reader = JournalReader(path)
            self.epoch = self._reader.epoch()
            self.last_seq = self._reader.last_seq()
        self._exports = exports / self.epoch

    def batches(self, after_seq: int, to_seq: int, size: int) -> Iterator[list[Event]]:
        """The events after one and up to another, `size` at a time; raises LedgerError when one cannot be had."""
        events = self.events(after_seq, to_seq)
        with plainly():
            while batch := list(islice(events, size)):
                yield batch

    def events(self, after_seq: int, to_seq: int) -> Iterator[Event]:
        """The same one by one; the exported files have what retention took."""
        first_seq = self._reader.first_seq()
        older: Iterator[Event] = iter(())
        if after_seq + 1 < first_seq:
            older = exported(self._exports, after_seq, first_seq)
        for event in chain(older, self._reader.since(max(after_seq, first_seq - 1))):
            if event.seq > to_seq:
                return
            yield event

    def refuse_strange(self, offset: Offset) -> None:
        """Raise LedgerError when the journal is not the one that the ledger has taken in up to `offset`.

        An offset without a moment is compared by its seq alone.
        """
        hint = (
            "an older copy was put in its place: put the newer one back, or restore the home with `pi5 backup restore`"
        )
        if self.last_seq < offset.seq:
            what = f"it ends at event {self.last_seq}, but the ledger has taken in {offset.seq}"
            raise LedgerError(what, where=str(self.path), hint=hint)
        with plainly():
            found = self._reader.at([offset.seq])
        if found and offset.wall_ns and found[0].wall_ns != offset.wall_ns:
            what = f"its event {offset.seq} is not the one that the ledger has taken in"
            raise LedgerError(what, where=str(self.path), hint=hint)

    def keep_place(self, seq: int, now_ns: int) -> str:
        """Let retention take what the ledger has; answers in a line why the journal could not be told, or ""."""
        with plainly():
            if self._reader.consumers().get(CONSUMER, -1) >= seq:
                return ""
        try:
            consumers.move(self.path, CONSUMER, seq, now_ns=now_ns)
        except JournalError as error:
            return str(error)
        return ""

    def close(self) -> None:
        """Let go of the file."""
        self._reader.close()
