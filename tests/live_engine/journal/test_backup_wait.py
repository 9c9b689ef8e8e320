"""Retention and backups: waited for for as long as it takes where they are asked for, else a month at most."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from live_engine.events import CancelRequested
from live_engine.journal import consumers, snapshot
from live_engine.journal.retention import BACKUP, PATIENCE_DAYS, Wait, remove, waits
from live_engine.journal.schema import DAY_NS

if TYPE_CHECKING:
    from pathlib import Path

    from live_engine.journal.writer import Journal

TODAY = 20_000
LAST = 10


@pytest.fixture
def ten_days(journal: Journal, clock: list[int]) -> Journal:
    """An event on each of the last ten days, and snapshots that keep nothing back."""
    for number in range(LAST):
        clock[0] = (TODAY - LAST + 1 + number) * DAY_NS
        journal.append([CancelRequested(client_order_id=f"order-{number}")]).result()
    for seq in (LAST - 1, LAST):
        journal.run(lambda connection, seq=seq: snapshot.store(connection, seq, b"")).result()  # type: ignore[misc]
    return journal


def gone(journal: Journal, *, wanted: bool, after_days: int = 0) -> int:
    now_ns = (TODAY + after_days) * DAY_NS
    return remove(journal, keep_days=2, now_ns=now_ns, must_be_backed_up=wanted)


def waiting(journal: Journal, *, wanted: bool, after_days: int = 0) -> tuple[Wait, ...]:
    now_ns = (TODAY + after_days) * DAY_NS
    return journal.run(lambda file: waits(file, keep_days=2, now_ns=now_ns, must_be_backed_up=wanted)).result()


def test_where_nobody_makes_backups_none_is_waited_for(ten_days: Journal) -> None:
    assert waiting(ten_days, wanted=False) == ()
    assert gone(ten_days, wanted=False) == 7


def test_where_they_are_asked_for_the_first_one_is_waited_for_however_long(path: Path, ten_days: Journal) -> None:
    assert gone(ten_days, wanted=True, after_days=1_000) == 0
    oldest = date(2024, 9, 25)  # day 19,991
    assert waiting(ten_days, wanted=True, after_days=1_000) == (Wait(BACKUP, 0, oldest.replace(day=28)),)
    consumers.move(path, BACKUP, 4, now_ns=1)
    assert gone(ten_days, wanted=True) == 4
    assert waiting(ten_days, wanted=True) == (Wait(BACKUP, 4, date(2024, 10, 2)),)


def test_where_one_was_made_unasked_the_next_is_waited_for_a_month(path: Path, ten_days: Journal) -> None:
    consumers.move(path, BACKUP, 4, now_ns=1)
    assert gone(ten_days, wanted=False) == 4
    assert waiting(ten_days, wanted=False) == (Wait(BACKUP, 4, date(2024, 10, 2)),)
    # Event 5 is of day 19,995: with two days kept it could go on day 19,998, and goes a month later.
    assert gone(ten_days, wanted=False, after_days=PATIENCE_DAYS - 3) == 0
    assert gone(ten_days, wanted=False, after_days=PATIENCE_DAYS - 2) == 1
    assert gone(ten_days, wanted=True, after_days=PATIENCE_DAYS) == 0


def test_a_consumer_that_has_all_that_is_old_is_not_waited_for(path: Path, ten_days: Journal) -> None:
    consumers.move(path, "ledger", 7, now_ns=1)
    assert waiting(ten_days, wanted=False) == ()
    consumers.move(path, "ledger", 3, now_ns=1, back=True)
    assert [one.consumer for one in waiting(ten_days, wanted=False)] == ["ledger"]
