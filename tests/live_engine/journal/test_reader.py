"""Reading: in pages, by seq, and along with the writer."""

from __future__ import annotations

import subprocess
import sys
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import JournalDamagedError
from live_engine.journal.reader import PAGE_EVENTS, JournalReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.events import CancelRequested
    from live_engine.journal.writer import Journal

    Cancel = Callable[[int], CancelRequested]


def test_all_events_come_page_by_page(path: Path, journal: Journal, cancel: Cancel) -> None:
    count = 2 * PAGE_EVENTS + 1
    journal.append([cancel(number) for number in range(count)]).result()
    with JournalReader(path) as reader:
        assert [event.seq for event in reader.since(0)] == list(range(1, count + 1))
        assert [event.seq for event in reader.after(7, 3)] == [8, 9, 10]
        assert reader.after(count) == reader.after(2**70) == []
        assert [event.seq for event in reader.at([9, 5, count + 1])] == [5, 9]


def test_an_empty_journal_has_no_events(path: Path, journal: Journal) -> None:
    with JournalReader(path) as reader:
        assert (reader.first_seq(), reader.last_seq(), reader.after(0), reader.snapshot()) == (0, 0, [], None)
        assert reader.epoch() == journal.epoch


def test_the_tail_waits_for_what_comes_and_reads_nothing_twice(path: Path, journal: Journal, cancel: Cancel) -> None:
    journal.append([cancel(number) for number in range(5)]).result()
    waits = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) % 2 == 0:  # every other time there is something new
            journal.append([cancel(10 + len(waits))]).result()

    with JournalReader(path) as reader:
        tail = reader.tail(3, poll_s=0.5, sleep=sleep)
        assert [event.seq for event in islice(tail, 5)] == [4, 5, 6, 7, 8]
    assert waits == [0.5] * 6


def test_what_is_removed_while_it_is_read_is_not_skipped_silently(path: Path, journal: Journal, cancel: Cancel) -> None:
    journal.append([cancel(number) for number in range(3 * PAGE_EVENTS)]).result()
    with JournalReader(path) as reader:
        events = reader.since(0)
        assert next(events).seq == 1
        journal.run(lambda connection: connection.execute("DELETE FROM events WHERE seq < 5000")).result()
        with pytest.raises(JournalDamagedError, match=f"event {PAGE_EVENTS + 1} is missing, or was removed"):
            list(events)


def test_reading_loads_no_writer() -> None:
    script = "import sys, live_engine.journal.reader; print([m for m in sys.modules if 'live_engine' in m])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "live_engine.journal.reader" in done.stdout
    assert "writer" not in done.stdout
    assert "batch" not in done.stdout
