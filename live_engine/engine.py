"""The resident process: prices in, strategies asked at every closed bar, what they did written down before the next.

One bar is one append to the journal: it is on the device, whole, before the next bar is looked at. What a killed engine
had not written down did not happen; started again it is the fold of its journal, and owes nothing.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from live_engine.events import BarClosed, EngineStarted, EngineStopped, StreamGap
from live_engine.journal import snapshot
from live_engine.journal.reader import JournalReader
from live_engine.kept import pack, unpack
from live_engine.paper.broker import restored
from live_engine.streams.feed import Feed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from live_engine.events import Body
    from live_engine.journal.writer import Journal
    from live_engine.notify import Notifier
    from live_engine.paper.broker import PaperBroker
    from live_engine.paper.settings import StrategySettings
    from live_engine.streams.stream import Stream, Update

SNAPSHOT_EVENTS = 20_000  # a start folds no more than these, unless the code has changed
MAX_SILENCE_S = 60.0
HANGS_NS = 10_000_000_000  # a device that has not taken an event for so long: the watchdog is to act
CHECK_S = 1.0


def restore(path: Path, strategies: Sequence[StrategySettings]) -> tuple[PaperBroker, list[Body], int]:
    """The accounts as the journal leaves them, what it lacks of them, and the seq that they were restored from."""
    with JournalReader(path) as reader:
        seq, body = reader.snapshot() or (0, b"")
        state = unpack(body)
        if state is None:
            seq = 0
        broker, lacking = restored(strategies, (event.body for event in reader.since(seq)), state)
        return broker, lacking, reader.last_seq()


class Engine:
    """Strategies on one stream of prices, on paper; `clock` answers monotonic nanoseconds."""

    def __init__(
        self, journal: Journal, stream: Stream, strategies: Sequence[StrategySettings], *, clock: Callable[[], int]
    ) -> None:
        self._journal, self._stream, self._clock = journal, stream, clock
        self._broker, self._lacking, self._restored_seq = restore(journal.path, strategies)
        timeframes = {one.timeframe for one in strategies}
        self._feed = Feed(stream.name, timeframes, max_age_s=MAX_SILENCE_S, mono_ns=clock())
        self._snapshot_seq = self._restored_seq
        self.seq = self._restored_seq

    async def run(self, stop: asyncio.Event, notifier: Notifier, *, version: str) -> str:
        """Trade until the prices end or `stop` is set; answers why it ended. Raises JournalError and PricesError."""
        await self._write(self._lacking)
        await self._write([EngineStarted(program=version, restored_seq=self._restored_seq)])
        for key in self._broker.desks:
            await self._write(self._broker.start(key, []))
        notifier.ready()
        trading = asyncio.create_task(self._trade())
        watching = asyncio.create_task(self._watch(notifier))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([trading, watching, stopping], return_when=asyncio.FIRST_COMPLETED)
            reason = "told to stop" if stop.is_set() else "the prices ended"
            notifier.stopping()
            await self._stream.close()
            if watching.done():  # it ends only by an error
                await watching
            await trading
        finally:
            for task in (trading, watching):
                task.cancel()
            stopping.cancel()
            await asyncio.gather(trading, watching, stopping, return_exceptions=True)
        await self._write([EngineStopped(reason=reason)])
        await self._keep_snapshot()
        return reason

    async def _trade(self) -> None:
        async for update in self._stream:
            told: list[Body] = []
            for body in self._feed.on_update(update, self._clock()):
                if isinstance(body, BarClosed):
                    told += self._broker.on_bar(body)
                elif not isinstance(body, StreamGap):  # nobody can fetch again what a file, or a dream, lacks
                    told.append(body)
            await self._write(told, flow=_flow(update))
            if self.seq - self._snapshot_seq >= SNAPSHOT_EVENTS:
                await self._keep_snapshot()

    async def _watch(self, notifier: Notifier) -> None:
        """Tell systemd that the loop turns, and the journal that a stream is mute."""
        every_s = min(CHECK_S, notifier.ping_every_s or CHECK_S)
        while True:
            if self._journal.oldest_wait_ns() < HANGS_NS:
                notifier.alive()
            await self._write([*self._feed.age.check(self._clock())])
            await asyncio.sleep(every_s)

    async def _write(self, bodies: Sequence[Body], flow: str = "") -> None:
        if bodies:
            events = await self._journal.appended(bodies, flow=flow)  # type: ignore[arg-type]
            self.seq = max(self.seq, events[-1].seq)

    async def _keep_snapshot(self) -> None:
        seq, body = self.seq, pack(self._broker.state())
        await asyncio.wrap_future(self._journal.run(lambda connection: snapshot.store(connection, seq, body)))
        self._snapshot_seq = seq


def _flow(update: Update) -> str:
    return f"{update.symbol}-{update.ts_ns}"
