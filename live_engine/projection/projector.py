"""The journal brought into TimescaleDB beside the engine: what is there is always the fold of a beginning of it.

Each batch is one transaction with the place it leads to, so a kill, a lost connection or a lost answer costs a batch
that is done again, or was done. The engine neither waits for it nor hears of its errors: they are in `last_error`, and
the projection tries again, ever more seldom, until it goes on.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine.errors import ProjectionError
from live_engine.journal.reader import PAGE_EVENTS, JournalReader
from live_engine.projection import CONSUMER, tables
from live_engine.projection.database import STATEMENT_TIMEOUT_S, connected, told
from live_engine.projection.fold import readable
from live_engine.projection.place import ends, refuse_strange

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

    from psycopg import AsyncConnection
    from tenacity import RetryCallState

    from live_engine.events import Event
    from live_engine.settings import Database

log = logging.getLogger("live_engine.projection")

STEP_TIMEOUT_S = 4.0 * STATEMENT_TIMEOUT_S
GRACE_S = 2.0  # that a batch may still take when the engine ends


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How much one transaction takes, how often news are looked for, and the longest pause after failures.

    The journal is told the place every `place_every_s`: that costs its device a flush, and retention takes days.
    """

    batch_events: int = PAGE_EVENTS
    poll_s: float = 1.0
    longest_pause_s: float = 60.0
    place_every_s: float = 30.0


class Projector:
    """Projects the journal at `path` to a database.

    `last_seq` answers the journal's last event; `place` registers how far the projection has come, so that retention
    waits for it. `lag_events`, `projected_seq` and `last_error` (one line, empty when all is well) are for health and
    metrics; until the database has answered, `projected_seq` is what the journal itself knows.
    """

    def __init__(
        self,
        path: Path,
        database: Database,
        *,
        last_seq: Callable[[], int],
        place: Callable[[int], Future[None]],
        pace: Pace | None = None,
    ) -> None:
        self.projected_seq = 0
        self.last_error = ""
        self._path, self._database, self._last_seq, self._place = path, database, last_seq, place
        self._pace = pace or Pace()
        self._connection: AsyncConnection[Any] | None = None
        self._epoch = ""
        self._placed_seq = -1
        self._place_next_at = 0.0

    @property
    def lag_events(self) -> int:
        """How many events the tables are behind."""
        return max(0, self._last_seq() - self.projected_seq)

    async def run(self, stop: asyncio.Event) -> None:
        """Project until `stop` is set; raises nothing but asyncio.CancelledError."""
        following = asyncio.create_task(self._follow(stop))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([following, stopping], return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait([following], timeout=GRACE_S)
        finally:
            for task in (following, stopping):
                task.cancel()
            await asyncio.gather(following, stopping, return_exceptions=True)

    async def _follow(self, stop: asyncio.Event) -> None:
        from tenacity import AsyncRetrying, retry_if_exception_type, stop_when_event_set, wait_random_exponential

        async def pause(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), seconds)

        attempts = AsyncRetrying(
            retry=retry_if_exception_type(Exception),
            stop=stop_when_event_set(stop),  # type: ignore[arg-type]  # it only asks `is_set`
            wait=wait_random_exponential(multiplier=0.5, max=self._pace.longest_pause_s),
            sleep=pause,
            after=self._failed,
            retry_error_callback=lambda _: False,
        )
        try:
            while not stop.is_set():
                may_be_more: bool = await attempts(self._step)
                if not may_be_more:
                    await pause(self._pace.poll_s)
        finally:
            await self._disconnect()

    async def _step(self) -> bool:
        """Bring one batch over; answers whether there may be more at once."""
        try:
            async with asyncio.timeout(STEP_TIMEOUT_S):
                if self._placed_seq < 0:
                    self.projected_seq = await asyncio.to_thread(self._known)
                    await self._register(0)  # before anything else: from now on retention waits
                if self._connection is None:
                    self._connection = await connected(self._database)
                    await self._begin(self._connection)
                batch: list[Event] = []
                if self._last_seq() > self.projected_seq:
                    batch = await asyncio.to_thread(self._read)
                if batch:
                    await tables.project(self._connection, self._epoch, self.projected_seq, batch)
                    self.projected_seq = batch[-1].seq
                await self._keep_place()
        except BaseException:
            await self._disconnect()
            raise
        self._recovered()
        return len(batch) == self._pace.batch_events

    async def _begin(self, connection: AsyncConnection[Any]) -> None:
        """Find the place to go on from; refuses tables and a journal that do not belong together."""
        journal = await asyncio.to_thread(ends, self._path)
        offset = await tables.offset_of(connection, journal.epoch, journal.first_seq)
        journal = await asyncio.to_thread(ends, self._path, offset.event_seq)
        refuse_strange(offset, journal, self._path)
        self._epoch, self.projected_seq = journal.epoch, offset.place

    def _known(self) -> int:
        with JournalReader(self._path) as reader:
            return reader.consumers().get(CONSUMER, 0)

    def _read(self) -> list[Event]:
        """In a thread, with a connection of its own, so that the loop goes on and nothing is closed under it."""
        with JournalReader(self._path) as reader:
            if reader.epoch() != self._epoch:
                raise ProjectionError(
                    "another journal was put in its place", where=str(self._path), hint="its own place is looked up"
                )
            return readable(reader.after(self.projected_seq, self._pace.batch_events))

    async def _keep_place(self) -> None:
        if self.projected_seq > self._placed_seq and time.monotonic() >= self._place_next_at:
            await self._register(self.projected_seq)
            self._place_next_at = time.monotonic() + self._pace.place_every_s

    async def _register(self, seq: int) -> None:
        await asyncio.wrap_future(self._place(seq))
        self._placed_seq = seq

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(Exception):  # whatever it was, it is gone
                await connection.close()

    def _failed(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, Exception):
            line = told(error, self._database)
            if line != self.last_error:
                log.warning("projection: %s", line)
            self.last_error = line

    def _recovered(self) -> None:
        if self.last_error:
            log.warning("projection: it goes on after event %d", self.projected_seq)
            self.last_error = ""
