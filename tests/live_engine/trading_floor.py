"""A floor over a real journal, with clocks that a test turns by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine.events import BarClosed, OrderIntent
from live_engine.floor import Floor
from live_engine.front_office import FrontOffice
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from live_engine.restore import restore
from live_engine.settings import LiveSettings
from live_engine.streams.stream import Tick
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from live_engine.api.desk import Outcome
    from live_engine.events import Body, Event
    from live_engine.orders.order import Order

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2  # 4 October 2024, 12:00 UTC
WIDE = {
    "max_order_quantity": "1e9",
    "max_order_notional": "1e12",
    "max_position_quantity": "1e9",
    "max_position_notional": "1e12",
    "max_gross_exposure": "1e6",
    "max_daily_loss": "1e9",
    "max_drawdown_pct": "100",
}
FREE = {"fee_bps": 0.0, "slippage_bps": 0.0}

SMA = {"name": "sma_cross", "symbol": "A", "params": {"fast": 2, "slow": 3}}
ATR = {"name": "atr_breakout", "symbol": "A", "params": {}}
UP = (12, 11, 10, 9, 10, 12, 14, 15)  # closes of days: down, and up again


def bars(*closes: float, first: int = 0) -> list[BarClosed]:
    """Days that open where the day before closed."""
    found = []
    for number, close in enumerate(closes, start=first):
        price, ts_ns = Decimal(str(close)), (NOON_NS // DAY_NS + number) * DAY_NS
        found.append(
            BarClosed(
                symbol="A",
                timeframe="1d",
                ts_ns=ts_ns,
                open=price,
                high=price + 1,
                low=price - 1,
                close=price,
                volume=Decimal(1_000),
            )
        )
    return found


def live_settings(**keys: Any) -> LiveSettings:  # noqa: ANN401 - keys of [live]
    """[live] with symbols A and B and wide limits and no costs, unless `risk` and `hand` set some."""
    risk, hand = WIDE | keys.pop("risk", {}), FREE | keys.pop("hand", {})
    return msgspec.convert({"symbols": ["A", "B"], "risk": risk, "hand": hand, **keys}, LiveSettings, strict=False)


class Trading:
    """What a test does on a floor; `now_ns` is the wall clock, and the steady one too."""

    def __init__(self, floor: Floor, journal: Journal, clock: list[int]) -> None:
        self.floor, self.journal = floor, journal
        self.office = FrontOffice(floor, journal.path, reasons=list, figures=lambda: "")
        floor.on_event = self.office.on_event
        self._clock = clock

    async def tick(self, symbol: str, price: str, *, after_s: float = 1.0) -> None:
        """A trade at the venue, some time after whatever was before."""
        self._clock[0] += int(after_s * SECOND_NS)
        await self.floor.take(Tick(symbol, self._clock[0], Decimal(price), Decimal(1)))
        await self.floor.settled()

    async def bar(self, bar: BarClosed) -> None:
        """A closed bar of the stream's own."""
        await self.floor.take(bar, [bar])
        await self.floor.settled()

    async def place(
        self,
        own: str,
        side: str,
        quantity: str,
        kind: str = "market",
        **keys: Any,  # noqa: ANN401 - fields of OrderIntent
    ) -> Outcome:
        """An order by hand, of symbol A unless said otherwise; good till it is cancelled."""
        numbers: dict[str, Any] = {
            name: Decimal(keys.pop(name)) for name in ("limit_price", "stop_price", "trail") if name in keys
        }
        fields: dict[str, Any] = {"symbol": "A", "time_in_force": "gtc", "actor": "me", **keys, **numbers}
        intent = OrderIntent(
            client_order_id=own,
            side=side,  # type: ignore[arg-type]
            quantity=Decimal(quantity),
            order_type=kind,  # type: ignore[arg-type]
            **fields,
        )
        outcome = await self.office.place(intent)
        await self.floor.settled()
        return outcome

    def order(self, own: str) -> Order:
        """An order as it stands."""
        found = self.floor.state.books.order(own)
        assert found is not None
        return found

    def status(self, own: str) -> str:
        """Its status by name."""
        return self.order(own).status.name

    def held(self, symbol: str = "A") -> Decimal:
        """What is held by hand."""
        return self.floor.state.books.hand.positions.quantity(symbol)

    def events(self) -> list[Event]:
        """All that the journal holds."""
        with JournalReader(self.journal.path) as reader:
            return [*reader.since(0)]

    def bodies(self, *kinds: type[Body]) -> list[Any]:
        """What happened, of some kinds or of all."""
        return [event.body for event in self.events() if not kinds or isinstance(event.body, kinds)]


@asynccontextmanager
async def trading(path: Path, live: LiveSettings | None = None, *, now_ns: int = NOON_NS) -> AsyncIterator[Trading]:
    """A floor as a start of the engine leaves it, over the journal at `path`."""
    live = live or live_settings()
    clock = [now_ns]
    with Journal(path, wall_ns=lambda: clock[0], mono_ns=lambda: clock[0]) as journal:
        state = restore(path, live.strategies, path.parent / "days")
        instruments = [Instrument(symbol) for symbol in live.all_symbols()]
        floor = Floor(journal, state, live, instruments, wall=lambda: clock[0], clock=lambda: clock[0])
        if state.lacking:
            await floor.append(state.lacking)
        for key in state.broker.desks:
            told = state.broker.start(key, [])
            if told:
                await floor.append(told)
        floor.begin()
        await floor.settled()
        yield Trading(floor, journal, clock)
        await floor.settled()


def run(journal: Path, act: Callable[[Trading], Coroutine[Any, Any, None]], **keys: Any) -> None:  # noqa: ANN401
    """Let a test act on a floor; `keys` are those of [live]."""

    async def main() -> None:
        async with trading(journal, live_settings(**keys)) as floor:
            await act(floor)

    asyncio.run(main())
