"""The live engine's events up to the end of a UTC day, out of its journal and of the days that retention exported."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from live_engine.errors import JournalError, JournalMissingError
from live_engine.journal.export import EPOCH_DAY, exported, last_seq_in
from live_engine.journal.reader import JournalReader
from pi5_pipelines.errors import JournalReadError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_engine.events import Event
    from pi5_pipelines.settings import Settings

DAY_NS = 86_400_000_000_000


def day_of(wall_ns: int) -> date:
    """The UTC day of a moment."""
    return EPOCH_DAY + timedelta(days=wall_ns // DAY_NS)


def begin_ns(day: date) -> int:
    """The first nanosecond of a day."""
    return (day - EPOCH_DAY).days * DAY_NS


def text_of(wall_ns: int) -> str:
    """A moment for people, to the millisecond."""
    return f"{datetime.fromtimestamp(wall_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M:%S.%f}"[:-3]


class DayEvents:
    """All events up to the last one of a day, in the order of the journal; none where no engine has run.

    The clock may have been set back in between: whoever counts a day's events looks at each one's `wall_ns`. Once all
    are taken, `following` is the next event, None when there is none yet. Iterating raises JournalReadError.
    """

    def __init__(self, settings: Settings, day: date) -> None:
        self.following: Event | None = None
        self._settings, self._day = settings, day

    def __iter__(self) -> Iterator[Event]:
        self.following = None
        with _explained():
            try:
                reader = JournalReader(self._settings.folder("journal") / "live.sqlite")
            except JournalMissingError:
                return
            with reader:
                home = self._settings.folder("exports") / "journal" / reader.epoch()
                first_seq, last_seq = reader.first_seq(), _last_seq(reader, home, self._day)
                older = exported(home, 0, first_seq) if first_seq > 1 else iter(list["Event"]())
                for event in chain(older, reader.since(max(0, first_seq - 1))):
                    if event.seq > last_seq:
                        self.following = event
                        return
                    yield event


def _last_seq(reader: JournalReader, home: Path, day: date) -> int:
    """The last event of a day or one before it, wherever it lies; 0 when there is none."""
    ends = [last for _, _, last in reader.days(begin_ns(day) + DAY_NS)]
    files = [file for file in home.glob("*.jsonl") if file.stem <= day.isoformat()]
    return max([*ends, *map(last_seq_in, files)], default=0)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except JournalError as error:
        raise JournalReadError(error.what, where=error.where, hint=error.hint) from error
