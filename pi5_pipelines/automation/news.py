"""What of the live engine's journal a sensor has not seen yet: events of some types after its cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from live_engine.events import Body, Event
    from pi5_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class News:
    """New events, and how far has been looked; `is_first` where the cursor was none of this journal's."""

    journal: str
    events: Sequence[Event]
    seen_seq: int
    is_first: bool

    @property
    def cursor(self) -> str:
        """What the sensor is to remember once it has dealt with them."""
        return f"{self.journal}:{self.seen_seq}"


def news(settings: Settings, cursor: str | None, kinds: Sequence[type[Body]], at_once: int) -> News:
    """The next `at_once` events; on a first look the last ones, and all before them count as seen.

    Raises JournalError.
    """
    from live_engine.journal.reader import JournalReader
    from pi5_pipelines.ledger.source import journal_file

    with JournalReader(journal_file(settings)) as reader:
        journal, last_seq = reader.epoch(), reader.last_seq()
        name, _, seq = (cursor or "").partition(":")
        if name != journal:
            return News(journal, reader.of_types(kinds, 0, last_seq)[-at_once:], last_seq, is_first=True)
        found = reader.of_types(kinds, int(seq), at_once)
    return News(journal, found, found[-1].seq if len(found) == at_once else last_seq, is_first=False)
