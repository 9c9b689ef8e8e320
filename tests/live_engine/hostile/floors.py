"""An engine on prices that a test gives out one by one, with clocks that a test moves, in this process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.engine import Engine
from live_engine.events import OrderIntent
from live_engine.floor import Floor
from live_engine.front_office import FrontOffice
from live_engine.journal.writer import Journal
from live_engine.notify import Notifier
from live_engine.restore import restore
from live_engine.streams.stream import Tick
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from live_engine.events import Body, Event, OrderType, Side, TimeInForce
    from live_engine.orders.order import Order
    from live_engine.settings import LiveSettings

NS_PER_S = 1_000_000_000
NOON_NS = 1_709_553_600 * NS_PER_S  # Monday, 4 March 2024, 12:00 UTC


@dataclass
class Clocks:
    """The wall clock and the one that never steps back; both stand still until a test moves them."""

    wall_ns: int = NOON_NS
    mono_ns: int = 1_000 * NS_PER_S

    def wall(self) -> int:
        """UTC."""
        return self.wall_ns

    def mono(self) -> int:
        """Since boot."""
        return self.mono_ns

    def pass_s(self, seconds: float) -> None:
        """Let time go by on both."""
        self.wall_ns += int(seconds * NS_PER_S)
        self.mono_ns += int(seconds * NS_PER_S)


class Scripted:
    """A stream of the prices that a test puts into it; `taken` is set when the engine asks for the next one."""

    name = "scripted"

    def __init__(self, symbols: frozenset[str]) -> None:
        self.symbols = symbols
        self._waiting: asyncio.Queue[Tick | None] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[Tick]:
        while (tick := await self._waiting.get()) is not None:
            yield tick
            self._waiting.task_done()

    async def give(self, tick: Tick) -> None:
        """Hand out a price, and return once all that it leads to is on the disk."""
        await self._waiting.put(tick)
        await self._waiting.join()

    async def close(self) -> None:
        """No more prices."""
        await self._waiting.put(None)


@dataclass
class Trading:
    """A running engine."""

    floor: Floor
    office: FrontOffice
    stream: Scripted
    clocks: Clocks
    running: asyncio.Task[str]
    _ids: int = 0
    bodies: list[Body] = field(default_factory=list)

    async def price(self, symbol: str, price: str, *, ts_ns: int | None = None) -> None:
        """A trade, now unless it says otherwise."""
        tick = Tick(symbol, self.clocks.wall_ns if ts_ns is None else ts_ns, Decimal(price), Decimal(10))
        giving = asyncio.ensure_future(self.stream.give(tick))
        await asyncio.wait([giving, self.running], return_when=asyncio.FIRST_COMPLETED)
        if self.running.done():
            giving.cancel()
            await self.running
        await self.floor.settled()

    async def settled(self) -> None:
        """Return when nothing is on its way to the disk."""
        await self.floor.settled()


@asynccontextmanager
async def trading(home: Path, live: LiveSettings, clocks: Clocks, *, dies: bool = False) -> AsyncIterator[Trading]:
    """An engine for the time of a block; with `dies` it is gone at its end without having said so."""
    with Journal(home / "journal" / "live.sqlite", wall_ns=clocks.wall, mono_ns=clocks.mono) as journal:
        state = restore(journal.path, live.strategies)
        instruments = [Instrument(symbol, price_scale=6) for symbol in live.all_symbols()]
        floor = Floor(journal, state, live, instruments, wall=clocks.wall, clock=clocks.mono)
        office = FrontOffice(floor, journal.path, reasons=list, figures=str)
        told: list[Body] = []

        def on_event(event: Event, changed: Order | None) -> None:
            told.append(event.body)
            office.on_event(event, changed)

        floor.on_event = on_event
        stream = Scripted(frozenset(live.all_symbols()))
        engine = Engine(journal, floor, stream, home=home, clock=clocks.mono, on_price=office.on_price)
        stop = asyncio.Event()
        running = asyncio.create_task(engine.run(stop, Notifier({}), version="test"))
        found = Trading(floor, office, stream, clocks, running, bodies=told)
        try:
            yield found
            if not dies:
                stop.set()
                await running
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def order(  # noqa: PLR0913 - an order has many words
    name: str,
    symbol: str = "A",
    side: Side = "buy",
    order_type: OrderType = "market",
    quantity: str = "10",
    *,
    limit: str | None = None,
    time_in_force: TimeInForce = "gtc",
    reduce_only: bool = False,
    replaces: str = "",
) -> OrderIntent:
    """An order by hand."""
    return OrderIntent(
        client_order_id=name,
        symbol=symbol,
        side=side,
        order_type=order_type,
        quantity=Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
        time_in_force=time_in_force,
        reduce_only=reduce_only,
        replaces=replaces,
        actor="trader",
    )
