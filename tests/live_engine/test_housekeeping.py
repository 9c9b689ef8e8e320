"""Old days leave the journal and are found again: exported first, and folded from there when no snapshot will do."""

from __future__ import annotations

import asyncio
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import JournalDamagedError, SettingsError
from live_engine.housekeeping import House, keep_house, tidy
from live_engine.journal import consumers, snapshot
from live_engine.journal.reader import JournalReader
from live_engine.restore import restore
from live_engine.settings import has_backups
from tests.live_engine.trading_floor import DAY_NS, NOON_NS, run

if TYPE_CHECKING:
    from pathlib import Path

    from live_engine.vitals.readings import RetentionWait
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
        assert (await asyncio.to_thread(tidy, floor.journal, House(folder, 1), AFTER_NS)).removed > 0
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
        house = House(journal.parent / "days", 1)
        assert (await asyncio.to_thread(tidy, floor.journal, house, AFTER_NS)).removed > 0

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
        ended, told = asyncio.Event(), list[object]()
        house = asyncio.create_task(
            keep_house(floor.journal, House(folder, 1), ended, wall=lambda: AFTER_NS, on_waits=told.append)
        )
        await asyncio.sleep(0.3)
        ended.set()
        await house
        await floor.tick("A", "10.00")

    run(journal, act)
    assert "old days stay in the journal" in caplog.text
    with JournalReader(journal) as reader:
        assert reader.first_seq() == 1


def test_who_keeps_old_days_in_the_journal_is_told_once_and_to_health(
    journal: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live_engine.housekeeping.EVERY_S", 0.05)
    told: list[tuple[RetentionWait, ...]] = []

    async def act(floor: Trading) -> None:
        await five_days(floor)
        ended, thrice, last_seq = asyncio.Event(), asyncio.Event(), floor.journal.last_seq
        house = House(journal.parent / "days", 1, must_be_backed_up=True)

        def on_waits(waits: tuple[RetentionWait, ...]) -> None:
            told.append(waits)
            if len(told) == 3:
                thrice.set()
            if not waits:
                ended.set()

        keeping = keep_house(floor.journal, house, ended, wall=lambda: AFTER_NS, on_waits=on_waits)
        task = asyncio.create_task(keeping)
        await thrice.wait()
        await asyncio.wrap_future(floor.journal.run(lambda file: consumers.place(file, "backup", last_seq, 1)))
        await task

    run(journal, act)
    (wait,) = told[0]
    assert (wait.consumer, wait.seq, wait.since, wait.days) == ("backup", 0, date(2024, 10, 7), 2)
    assert caplog.text.count("retention waits for backup to have taken event 1, since 2024-10-07") == 1
    with JournalReader(journal) as reader:
        assert reader.first_seq() > 1


def test_backups_are_asked_for_by_naming_their_folder(tmp_path: Path) -> None:
    file = tmp_path / "pi5.toml"
    file.write_text('[backup]\nfolder = "/mnt/copies"\nkeep_daily = 3\n')
    assert has_backups(file, {})
    assert not has_backups(file, {"PI5_BACKUP_FOLDER": ""})
    file.write_text("[backup]\nkeep_daily = 3\n")
    assert not has_backups(file, {"PI5_BACKUP_KEEP_DAILY": "no number"})
    assert has_backups(file, {"PI5_BACKUP_FOLDER": "7"})
    file.write_text("[backup]\nfolder = 7\n")
    with pytest.raises(SettingsError, match=r"backup\.folder"):
        has_backups(file, {})
