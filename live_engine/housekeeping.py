"""Old days of the journal: exported as files, then removed from it, while the engine trades on."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from live_engine.errors import JournalError
from live_engine.journal.export import export
from live_engine.journal.retention import remove

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.journal.writer import Journal

EVERY_S = 3_600.0
log = logging.getLogger(__name__)


async def keep_house(
    journal: Journal, folder: Path, keep_days: int, ended: asyncio.Event, *, wall: Callable[[], int]
) -> None:
    """Once an hour until `ended`, leave no more than `keep_days` closed days in the journal, the others in `folder`.

    A device that is full, or a file that cannot be written, is told in the log and tried again: trading goes on.
    """
    while not ended.is_set():
        try:
            await asyncio.to_thread(tidy, journal, folder, keep_days, wall())
        except JournalError as error:
            log.warning("old days stay in the journal: %s", error)
        with suppress(TimeoutError):
            async with asyncio.timeout(EVERY_S):
                await ended.wait()


def tidy(journal: Journal, folder: Path, keep_days: int, now_ns: int) -> int:
    """Export all closed days and remove those that are old; answers how many events went.

    What a consumer has not taken stays, however old. Raises JournalError.
    """
    export(journal.path, folder, now_ns=now_ns)
    return remove(journal, keep_days=keep_days, now_ns=now_ns, exported_to=folder)
