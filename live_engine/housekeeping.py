"""Old days of the journal: exported as files, then removed from it, while the engine trades on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from live_engine.errors import JournalError
from live_engine.journal.export import EPOCH_DAY, export
from live_engine.journal.retention import remove, waits
from live_engine.journal.schema import DAY_NS
from live_engine.vitals.readings import RetentionWait

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.journal.writer import Journal

EVERY_S = 3_600.0
log = logging.getLogger(__name__)


class House(NamedTuple):
    """How it is kept: where days are exported to, how many closed ones stay, whether others must be backed up first."""

    folder: Path
    keep_days: int
    must_be_backed_up: bool = False


class Tidied(NamedTuple):
    """How many events went, and for whom old ones stay."""

    removed: int
    waits: tuple[RetentionWait, ...]


async def keep_house(
    journal: Journal,
    house: House,
    ended: asyncio.Event,
    *,
    wall: Callable[[], int],
    on_waits: Callable[[tuple[RetentionWait, ...]], None],
) -> None:
    """Once an hour until `ended`, leave no more than `keep_days` closed days in the journal, the others in `folder`.

    A device that is full, or a file that cannot be written, is told in the log and tried again: trading goes on. So is
    who has not taken what could go, once for each place where he stands; `on_waits` hears of it every time.
    """
    told: tuple[str, ...] = ()
    while not ended.is_set():
        try:
            tidied = await asyncio.to_thread(tidy, journal, house, wall())
            on_waits(tidied.waits)
            lines = tuple(
                f"{one.consumer} to have taken event {one.seq + 1}, since {one.since}" for one in tidied.waits
            )
            if lines and lines != told:
                log.warning("old days stay in the journal: retention waits for %s", ", for ".join(lines))
            told = lines
        except JournalError as error:
            log.warning("old days stay in the journal: %s", error)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await ended.wait()


def tidy(journal: Journal, house: House, now_ns: int) -> Tidied:
    """Export all closed days and remove those that are old.

    What a consumer has not taken, or no backup holds, stays, however old. Raises JournalError.
    """
    export(journal.path, house.folder, now_ns=now_ns)
    keep, backed_up = house.keep_days, house.must_be_backed_up
    removed = remove(journal, keep_days=keep, now_ns=now_ns, exported_to=house.folder, must_be_backed_up=backed_up)
    found = journal.run(lambda file: waits(file, keep_days=keep, now_ns=now_ns, must_be_backed_up=backed_up)).result()
    today = EPOCH_DAY.toordinal() + now_ns // DAY_NS
    told = (
        RetentionWait(consumer=one.consumer, seq=one.seq, since=one.since, days=today - one.since.toordinal())
        for one in found
    )
    return Tidied(removed, tuple(told))
