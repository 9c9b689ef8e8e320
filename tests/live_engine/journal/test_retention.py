"""What may be removed, and that state can still be folded from what is left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_engine.errors import EventRefusedError
from live_engine.events import CancelRequested
from live_engine.journal import consumers, snapshot
from live_engine.journal.export import export
from live_engine.journal.reader import JournalReader
from live_engine.journal.retention import ROWS_PER_COMMIT, remove
from live_engine.journal.schema import DAY_NS
from live_engine.journal.verify import verify
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Cancel = Callable[[int], CancelRequested]


TODAY = 20_000
NOW_NS = TODAY * DAY_NS + 3_600_000_000_000


def fill(journal: Journal, clock: list[int], days: list[int]) -> None:
    """One event on each of these days."""
    for number, day in enumerate(days):
        clock[0] = day * DAY_NS + number
        journal.append([CancelRequested(client_order_id=f"order-{number}")]).result()


def snapshots(journal: Journal, *seqs: int) -> None:
    for seq in seqs:
        journal.run(lambda connection, seq=seq: snapshot.store(connection, seq, b"state")).result()  # type: ignore[misc]


def kept(path: Path) -> list[int]:
    with JournalReader(path) as reader:
        return [event.seq for event in reader.since(0)]


@pytest.fixture
def five_days(journal: Journal, clock: list[int]) -> Journal:
    """Two events on each of the last five days, today's among them: seq 1 and 2 are the oldest."""
    fill(journal, clock, [day for day in range(TODAY - 4, TODAY + 1) for _ in range(2)])
    return journal


def test_days_older_than_wanted_go(path: Path, five_days: Journal) -> None:
    snapshots(five_days, 8, 9)
    assert remove(five_days, keep_days=2, now_ns=NOW_NS) == 4
    assert kept(path) == [5, 6, 7, 8, 9, 10]
    assert remove(five_days, keep_days=2, now_ns=NOW_NS) == 0
    assert verify(path).problems == ()


def test_nothing_goes_without_a_snapshot(path: Path, five_days: Journal) -> None:
    assert remove(five_days, keep_days=0, now_ns=NOW_NS) == 0
    assert len(kept(path)) == 10


def test_every_kept_snapshot_can_be_folded_from(path: Path, five_days: Journal) -> None:
    snapshots(five_days, 2, 4, 8)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS) == 4
    assert kept(path)[0] == 5  # the older of the two is of event 4


def test_what_a_consumer_has_not_read_stays(path: Path, five_days: Journal) -> None:
    snapshots(five_days, 9, 10)
    consumers.move(path, "projector", 10, now_ns=1)
    consumers.move(path, "ledger", 5, now_ns=1)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS) == 4  # whole days: 5 stays beside 6
    consumers.move(path, "ledger", 10, now_ns=2)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS) == 4
    assert kept(path) == [9, 10]


def test_a_consumer_behind_what_is_kept_lets_nothing_go(path: Path, five_days: Journal) -> None:
    snapshots(five_days, 9, 10)
    remove(five_days, keep_days=2, now_ns=NOW_NS)
    consumers.move(path, "late", 1, now_ns=1)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS) == 0
    assert five_days.failed is None


def test_days_that_are_not_exported_stay_when_that_is_asked_for(path: Path, tmp_path: Path, five_days: Journal) -> None:
    folder = tmp_path / "exports"
    snapshots(five_days, 9, 10)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS, exported_to=folder) == 0
    export(path, folder, now_ns=(TODAY - 2) * DAY_NS)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS, exported_to=folder) == 4
    export(path, folder, now_ns=NOW_NS)
    assert remove(five_days, keep_days=0, now_ns=NOW_NS, exported_to=folder) == 4


def test_a_damaged_export_is_told_and_stops_nothing(path: Path, tmp_path: Path, five_days: Journal) -> None:
    folder = tmp_path / "exports"
    snapshots(five_days, 9, 10)
    (first, *_) = export(path, folder, now_ns=NOW_NS)
    first.write_bytes(b"{torn")
    with pytest.raises(Exception, match="a line is no event"):
        remove(five_days, keep_days=0, now_ns=NOW_NS, exported_to=folder)
    assert five_days.failed is None
    assert len(kept(path)) == 10


def test_seq_goes_on_after_all_old_events_went(path: Path, clock: list[int]) -> None:
    with Journal(path, wall_ns=lambda: clock[0]) as journal:
        fill(journal, clock, [TODAY - 9] * 3)
        snapshots(journal, 3)
        remove(journal, keep_days=0, now_ns=NOW_NS)
    with Journal(path) as journal:
        assert journal.append([CancelRequested(client_order_id="a")]).result()[0].seq == 4


def test_much_is_removed_in_pieces(path: Path, journal: Journal, clock: list[int], cancel: Cancel) -> None:
    clock[0] = (TODAY - 5) * DAY_NS
    count = 2 * ROWS_PER_COMMIT + 1
    journal.append([cancel(number) for number in range(count)]).result()
    fill(journal, clock, [TODAY])
    snapshots(journal, count + 1)
    assert remove(journal, keep_days=1, now_ns=NOW_NS) == count
    assert kept(path) == [count + 1]


def test_a_snapshot_is_of_an_event_that_is_there(path: Path, five_days: Journal) -> None:
    with pytest.raises(EventRefusedError, match="no event 11"):
        snapshots(five_days, 11)
    snapshots(five_days, 3, 5, 4)
    with JournalReader(path) as reader:
        assert reader.snapshot() == (5, b"state")


@given(
    days=st.lists(st.integers(TODAY - 5, TODAY), min_size=1, max_size=12),
    at=st.lists(st.integers(0, 12), max_size=2),
    read=st.lists(st.integers(0, 12), max_size=2),
    keep_days=st.integers(0, 4),
)
def test_whatever_the_clock_did_nothing_goes_that_anybody_needs(
    tmp_path_factory: pytest.TempPathFactory, days: list[int], at: list[int], read: list[int], keep_days: int
) -> None:
    path, clock = tmp_path_factory.mktemp("any") / "live.sqlite", [0]
    with Journal(path, wall_ns=lambda: clock[0]) as journal:
        fill(journal, clock, days)
        states = sorted({seq for seq in at if 1 <= seq <= len(days)})
        places = [seq for seq in read if seq <= len(days)]
        snapshots(journal, *states)
        for number, seq in enumerate(places):
            consumers.move(path, f"consumer-{number}", seq, now_ns=1)
        removed = remove(journal, keep_days=keep_days, now_ns=NOW_NS)
    left = kept(path)
    assert left == list(range(removed + 1, len(days) + 1))
    assert left
    assert all(day < TODAY - keep_days for day in days[:removed])
    assert removed <= min([*places, *states, len(days)]) if states else removed == 0
    assert not removed or days[removed - 1] != days[removed]
