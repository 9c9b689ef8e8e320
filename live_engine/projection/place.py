"""Where the projection of a journal goes on, and when it must not: whether tables and journal belong together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.errors import ProjectionError
from live_engine.journal.reader import JournalReader
from live_engine.orders.snapshot import VERSION as RULES

if TYPE_CHECKING:
    from pathlib import Path

    from live_engine.events import Event


class Offset(msgspec.Struct, frozen=True):
    """A row of live_offsets, and the highest seq of all rows of that journal.

    `event_*` tell of the last event that was projected: its seq and the two clocks it was stamped with.
    """

    seq: int
    rules: int
    event_seq: int
    event_wall_ns: int
    event_mono_ns: int
    rows_seq: int

    @property
    def place(self) -> int:
        """The last event that the tables hold, even where the offset alone was set back or taken away.

        What lies between the newest row and the true offset changed no row then, and changes none again.
        """
        return max(self.seq, self.event_seq, self.rows_seq)


class Ends(msgspec.Struct, frozen=True):
    """A journal's name and ends; `event` is the one that was asked for, if it is there."""

    epoch: str
    first_seq: int
    last_seq: int
    event: Event | None = None


def ends(path: Path, seq: int = 0) -> Ends:
    """How a journal lies now, and its event `seq`; raises JournalError."""
    with JournalReader(path) as reader:
        found = reader.at([seq])
        return Ends(reader.epoch(), reader.first_seq(), reader.last_seq(), found[0] if found else None)


def refuse_strange(offset: Offset, journal: Ends, path: Path) -> None:
    """Raise ProjectionError when the tables cannot be gone on with from this journal.

    `journal` holds the event `offset.event_seq`.
    """
    again = f"as the tables' owner: SELECT live_forget('{journal.epoch}'), and it is projected anew"
    if offset.place and offset.rules != RULES:
        raise ProjectionError(
            f"its orders were folded by other rules ({offset.rules}, this program's are {RULES})",
            where="live_offsets of TimescaleDB",
            hint=again,
        )
    if journal.last_seq < offset.place:
        raise ProjectionError(
            f"it ends at event {journal.last_seq}, but events up to {offset.place} have been projected",
            where=str(path),
            hint=f"an older copy was put in its place; {again}",
        )
    stamp = journal.event and (journal.event.wall_ns, journal.event.mono_ns)
    if stamp and stamp != (offset.event_wall_ns, offset.event_mono_ns):
        raise ProjectionError(
            f"its event {offset.event_seq} is not the one that was projected",
            where=str(path),
            hint=f"an older copy was put in its place and has gone on since; {again}",
        )
    if offset.place and journal.first_seq > offset.place + 1:
        raise ProjectionError(
            f"events {offset.place + 1} to {journal.first_seq - 1} were removed before they were projected",
            where=str(path),
            hint=f"restore the newest backup of the database, or, {again} from event {journal.first_seq} on",
        )
