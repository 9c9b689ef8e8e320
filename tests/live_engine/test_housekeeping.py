"""Old days leave the journal and are found again: exported first, and folded from there when no snapshot will do."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import JournalDamagedError
from live_engine.housekeeping import keep_house, tidy
from live_engine.journal import snapshot
from live_engine.journal.reader import JournalReader
from live_engine.restore import restore
from tests.live_engine.trading_floor import DAY_NS, NOON_NS, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.trading_floor import Trading

AFTER_NS = NOON_NS + 5 * DAY_NS


async def five_days(floor: Trading) -> None:
    """A day's trading five times, and a snapshot at the end of the fourth and of the fifth."""
    for day in range(5):
        await floor.tick("A", "10.00", after_s=86_400.0)
        await floor.place(f"o{day}", "buy", "5")
        await floor.tick("A", f"10.{day}0")
        if day > 2:
            seq, body = await floor.floor.at_rest()
            await asyncio.wrap_future(floor.journal.run(lambda connection: snapshot.store(connection, seq, body)))  # noqa: B023 - awaited here


def test_days_that_have_left_are_exported_and_the_state_is_the_same_without_any_snapshot(journal: Path) -> None:
    folder = journal.parent / "days"

    async def act(floor: Trading) -> None:
        await five_days(floor)
        assert await asyncio.to_thread(tidy, floor.journal, folder, 1, AFTER_NS) > 0
        await asyncio.wrap_future(floor.journal.run(lambda connection: connection.execute("DELETE FROM snapshots")))

    run(journal, act)
    with JournalReader(journal) as reader:
        first_seq, epoch = reader.first_seq(), reader.epoch()
    assert first_seq > 1
    state = restore(journal, (), folder)
    assert state.folded_from == 0
    assert state.books.hand.positions.quantity("A") == Decimal(25)
    assert [order.id for order in state.books.orders()] == ["o4", "o3", "o2", "o1", "o0"]
    (folder / epoch / "2024-10-06.jsonl").unlink()
    with pytest.raises(JournalDamagedError, match="is missing among the exported days"):
        restore(journal, (), folder)


def test_with_a_snapshot_the_exported_days_are_not_needed(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await five_days(floor)
        assert await asyncio.to_thread(tidy, floor.journal, journal.parent / "days", 1, AFTER_NS) > 0

    run(journal, act)
    state = restore(journal, (), journal.parent / "nothing")
    assert state.folded_from > 0
    assert state.books.hand.positions.quantity("A") == Decimal(25)


def test_a_folder_that_cannot_be_written_removes_nothing_and_trading_goes_on(
    journal: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = journal.parent / "days"
    folder.write_text("a file stands where the folder should")

    async def act(floor: Trading) -> None:
        await five_days(floor)
        ended = asyncio.Event()
        house = asyncio.create_task(keep_house(floor.journal, folder, 1, ended, wall=lambda: AFTER_NS))
        await asyncio.sleep(0.3)
        ended.set()
        await house
        await floor.tick("A", "10.00")

    run(journal, act)
    assert "old days stay in the journal" in caplog.text
    with JournalReader(journal) as reader:
        assert reader.first_seq() == 1
