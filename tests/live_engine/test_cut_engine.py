"""The engine's own log, cut anywhere: what is left is a beginning of whole appends, and the engine goes on from it."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import JournalMissingError
from live_engine.floor import Floor
from live_engine.journal.verify import verify
from live_engine.journal.writer import Journal
from live_engine.restore import restore
from live_engine.settings import exported_days, load_instruments
from tests.live_engine.crash.checks import is_fold
from tests.live_engine.crash.load import Told, Trader
from tests.live_engine.crash.raw_journal import Fold, rows, split
from tests.live_engine.crash.resident import BY_HAND, Resident, frozen_copy

if TYPE_CHECKING:
    from tests.live_engine.crash.raw_journal import Row

LOG_HEADER = 32
FRAME_HEADER = 24
EVENTS = 300
BROUGHT_UP = 30  # beginnings that an engine is brought up on

pytestmark = pytest.mark.slow


@pytest.fixture
def resident(tmp_path: Path, free_port: int) -> Resident:
    return Resident(tmp_path / "home", free_port)


@pytest.fixture
def copy(resident: Resident, tmp_path: Path) -> Path:
    """The journal of an engine at one moment under load."""
    chance = random.Random(3)  # noqa: S311 - orders, no secrets
    with resident.start(1) as process:
        resident.await_health(process)
        traders = [Trader(resident, Told(), f"t{one}", random.Random(chance.random())) for one in range(2)]  # noqa: S311
        threads = [threading.Thread(target=trader.trade) for trader in traders]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(rows(resident.journal)) < EVENTS and time.monotonic() < deadline:
            time.sleep(0.05)
        found = frozen_copy(resident, process, tmp_path / "copy")
        process.kill()
        for thread in threads:
            thread.join()
    return found


def cuts(log: Path) -> list[int]:
    """Every frame boundary and places within the last frame, the last one first."""
    header = log.read_bytes()[:LOG_HEADER]
    frame = FRAME_HEADER + int.from_bytes(header[8:12], "big")
    length = log.stat().st_size
    last = length - (length - LOG_HEADER) % frame
    inside = [last - frame + part for part in (1, 12, 23, 24, 25, 500, frame // 2, frame - 1)]
    return sorted({*range(LOG_HEADER, last + 1, frame), *inside, length}, reverse=True)


def brought_up(resident: Resident, journal: Path) -> Fold:
    """What an engine does before its first price, upon a journal."""

    async def begin(writer: Journal) -> None:
        state = restore(journal, resident.live.strategies, exported_days(resident.folder))
        floor = Floor(writer, state, resident.live, load_instruments(resident.config, (*BY_HAND, "CCC")))
        floor.begin()
        await floor.settled()

    with Journal(journal) as writer:
        asyncio.run(begin(writer))
    return Fold(rows(journal))


def test_a_log_cut_anywhere_is_a_beginning_in_whole_appends_that_the_engine_goes_on_from(
    resident: Resident, copy: Path, tmp_path: Path
) -> None:
    chance = random.Random(4)  # noqa: S311 - which beginnings
    whole = rows(copy)
    log, shared = Path(f"{copy}-wal"), Path(f"{copy}-shm")
    places = cuts(log)
    beginnings: dict[int, int] = {}
    for cut in places:
        shared.unlink(missing_ok=True)
        os.truncate(log, cut)
        found = rows_or_none(copy)
        is_a_beginning(found, whole)
        if found and len(found) not in beginnings:
            beginnings[len(found)] = cut
            is_fold(restore(copy, resident.live.strategies, exported_days(resident.folder)), Fold(found))
            if chance.random() < BROUGHT_UP / EVENTS * 2:
                goes_on(resident, copy, tmp_path / "goes-on")
    assert len(beginnings) > EVENTS // 10
    assert max(beginnings) == len(whole)
    assert split(whole) == []


def rows_or_none(path: Path) -> list[Row]:
    """All events; none of a journal that is only being made."""
    try:
        assert verify(path).problems == ()
    except JournalMissingError:
        return []
    return rows(path)


def is_a_beginning(found: list[Row], whole: list[Row]) -> None:
    """The first events of the whole, up to the end of an append."""
    count = len(found)
    assert found == whole[:count]
    assert count in (0, len(whole)) or whole[count - 1].append != whole[count].append


def goes_on(resident: Resident, cut: Path, folder: Path) -> None:
    """An engine does what was left undone, and doubles nothing."""
    folder.mkdir()
    for file in (cut, Path(f"{cut}-wal")):
        shutil.copy(file, folder)
    fold = brought_up(resident, folder / cut.name)
    assert fold.problems == [], fold.problems
    assert fold.halfway() == []
    assert verify(folder / cut.name).problems == ()
    shutil.rmtree(folder)
