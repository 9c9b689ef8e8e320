"""The resident process: prices in, strategies asked at every closed bar, orders by hand answered, all written down.

One price, and all that is done upon it, is one append to the journal: it is on the device, whole, before the next price
is looked at. What a killed engine had not written down did not happen; started again it is the fold of its journal.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from live_engine.events import EngineStarted, EngineStopped
from live_engine.journal import snapshot
from live_engine.prices import history, trading_hours
from live_engine.risk import kill_file
from live_engine.streams.feed import Feed
from live_engine.vitals.readings import StreamAge

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from live_engine.events import Body
    from live_engine.floor import Floor
    from live_engine.journal.writer import Journal
    from live_engine.notify import Notifier
    from live_engine.settings import LiveSettings
    from live_engine.streams.stream import Stream, Update
    from live_engine.vitals.monitor import Monitor

    Service = Callable[[asyncio.Event], Awaitable[None]]  # beside the trading, until the event is set

SNAPSHOT_EVENTS = 20_000  # a start folds no more than these, unless the code has changed
MAX_SILENCE_S = 60.0
CHECK_S = 1.0
SECOND_NS = 1_000_000_000


class Engine:
    """A floor on one stream of prices; `clock` answers monotonic nanoseconds, `on_price` hears of every price."""

    def __init__(
        self,
        journal: Journal,
        floor: Floor,
        stream: Stream,
        *,
        live: LiveSettings,
        home: Path,
        clock: Callable[[], int],
        monitor: Monitor,
        on_price: Callable[[str], None],
    ) -> None:
        self._journal, self._floor, self._stream, self._clock = journal, floor, stream, clock
        self._live, self._home, self._monitor, self._on_price = live, home, monitor, on_price
        self._has_ended = False  # the prices, not the engine
        timeframes = {desk.settings.timeframe for desk in floor.state.broker.desks.values()}
        hours = trading_hours(live, home)
        self.feed = Feed(stream.name, timeframes, max_age_s=MAX_SILENCE_S, mono_ns=clock(), hours=hours)
        self._snapshot_seq = floor.state.folded_from

    @property
    def seq(self) -> int:
        """The last event that is on the device."""
        return self._floor.state.seq

    async def run(
        self, stop: asyncio.Event, notifier: Notifier, *, version: str, services: Sequence[Service] = ()
    ) -> str:
        """Trade until `stop` is set or the prices end (unless it is to stay); answers why it ended.

        `services` are started once the state is restored, and told to end once nothing is traded any more.
        Raises JournalError and PricesError.
        """
        await self._begin(version)
        ended = asyncio.Event()
        trading = asyncio.create_task(self._trade())
        watching = asyncio.create_task(self._watch(notifier, trading))
        measuring = asyncio.create_task(self._monitor.run())
        beside = [asyncio.ensure_future(service(ended)) for service in services]
        stopping: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        notifier.ready()
        try:
            first = {watching, stopping, *beside} | (set() if self._live.stay else {trading})
            await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
            reason = "told to stop" if stop.is_set() else "the prices ended"
            notifier.stopping()
            await self._stream.close()
            for task in [watching, *beside]:
                if task.done():  # they end only by an error
                    await task
            await trading
            ended.set()
            await asyncio.gather(*beside)
            await self._floor.settled()
        finally:
            for task in (trading, watching, measuring, stopping, *beside):
                task.cancel()
            await asyncio.gather(trading, watching, measuring, stopping, *beside, return_exceptions=True)
        await self._floor.append([EngineStopped(reason=reason)])
        await self._keep_snapshot()
        return reason

    async def _begin(self, version: str) -> None:
        """Before any price: write down what is owed, take the kill file, and do what a crash left undone."""
        floor, restored_seq = self._floor, self.seq
        await self._write(floor.state.lacking)
        await self._write([EngineStarted(program=version, restored_seq=restored_seq)])
        await self._obey_kill_file()
        for key, desk in floor.state.broker.desks.items():
            past = [] if desk.started else history(self._live, self._home, desk.settings)
            await self._write(floor.state.broker.start(key, past))
        floor.begin()
        await floor.settled()

    async def _trade(self) -> None:
        async for update in self._stream:
            told = self.feed.on_update(update, self._clock())
            await self._floor.take(update, told, flow=_flow(update))
            self._on_price(update.symbol)
            if self.seq - self._snapshot_seq >= SNAPSHOT_EVENTS:
                await self._keep_snapshot()
        self._has_ended = True

    async def _watch(self, notifier: Notifier, trading: asyncio.Task[None]) -> None:
        """Tell systemd that the loop turns and the journal what is not well any more, and obey the kill file."""
        every_s = min(CHECK_S, notifier.ping_every_s or CHECK_S)
        looked_ns = -SECOND_NS
        while True:
            now_ns = self._clock()
            if self._floor.failed is not None:
                raise self._floor.failed
            if trading.done():
                await trading  # an error of the prices ends an engine that stays, too
            if now_ns - looked_ns >= SECOND_NS:
                looked_ns = now_ns
                await self._obey_kill_file()
                await self._write([*self.feed.age.check(now_ns), *self._monitor.look([self._stream_age(now_ns)])])
            if self._monitor.is_alive():
                notifier.alive()
            await asyncio.sleep(every_s)

    def _stream_age(self, now_ns: int) -> StreamAge:
        age = self.feed.age
        return StreamAge(
            name=self._stream.name, age_s=age.age_s(now_ns), is_stale=age.is_stale, has_ended=self._has_ended
        )

    async def _obey_kill_file(self) -> None:
        await kill_file.take(self._home, self._floor.state.risk.switch, self._floor.throw)

    async def _write(self, bodies: Sequence[Body], flow: str = "") -> None:
        if bodies:
            await self._floor.append(bodies, flow=flow)

    async def _keep_snapshot(self) -> None:
        """Keep the state at a moment when nothing is on its way: then accounts, books and journal agree."""
        seq, body = await self._floor.at_rest()
        await asyncio.wrap_future(self._journal.run(lambda connection: snapshot.store(connection, seq, body)))
        self._snapshot_seq = seq


def _flow(update: Update) -> str:
    return f"{update.symbol}-{update.ts_ns}"
