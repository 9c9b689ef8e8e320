"""A floor on prices that a test gives out one by one, with a wall clock and a steady one that a test moves apart."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING

from live_engine.events import OrderIntent
from live_engine.floor import Floor
from live_engine.front_office import FrontOffice
from live_engine.journal.writer import Journal
from live_engine.restore import restore
from live_engine.streams.feed import Feed
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


@dataclass
class Trading:
    """A floor on which a test trades; `bodies` is what it has told since its start."""

    floor: Floor
    office: FrontOffice
    clocks: Clocks
    bodies: list[Body] = field(default_factory=list)

    async def price(self, symbol: str, price: str, *, ts_ns: int | None = None) -> None:
        """A trade, now unless it says otherwise, with the bars of a minute that close with it."""
        tick = Tick(symbol, self.clocks.wall_ns if ts_ns is None else ts_ns, Decimal(price), Decimal(10))
        await self.floor.take(tick, self.feed.on_update(tick, self.clocks.mono_ns))
        await self.floor.settled()

    @cached_property
    def feed(self) -> Feed:
        """What makes bars of its prices."""
        timeframes = {desk.settings.timeframe for desk in self.floor.state.broker.desks.values()}
        return Feed("scripted", timeframes, max_age_s=60.0, mono_ns=self.clocks.mono_ns)

    async def settled(self) -> None:
        """Return when nothing is on its way to the disk."""
        await self.floor.settled()


@asynccontextmanager
async def trading(home: Path, live: LiveSettings, clocks: Clocks) -> AsyncIterator[Trading]:
    """A floor as a start of the engine leaves it, for the time of a block; it ends as a killed engine does."""
    with Journal(home / "journal" / "live.sqlite", wall_ns=clocks.wall, mono_ns=clocks.mono) as journal:
        state = restore(journal.path, live.strategies, home / "days")
        instruments = [Instrument(symbol) for symbol in live.all_symbols()]
        floor = Floor(journal, state, live, instruments, wall=clocks.wall, clock=clocks.mono)
        found = Trading(floor, FrontOffice(floor, journal.path, reasons=list, figures=str), clocks)

        def on_event(event: Event, changed: Order | None) -> None:
            found.bodies.append(event.body)
            found.office.on_event(event, changed)

        floor.on_event = on_event
        owed = [*state.lacking, *(body for key in state.broker.desks for body in state.broker.start(key, []))]
        if owed:
            await floor.append(owed)
        floor.begin()
        await floor.settled()
        yield found


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
