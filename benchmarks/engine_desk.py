"""The engine's floor and front office without HTTP, as bench_engine.py times them: a real journal, prices made up."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from itertools import cycle
from statistics import median
from typing import TYPE_CHECKING

import msgspec
from engine_load import percentiles
from engine_process import SYMBOLS

from live_engine.cli_run import SWITCH_S
from live_engine.events import OrderIntent
from live_engine.floor import Floor
from live_engine.front_office import FrontOffice
from live_engine.journal import snapshot
from live_engine.journal.writer import Journal
from live_engine.paper.venue import HandSettings
from live_engine.restore import restore
from live_engine.risk.limits import RiskLimits
from live_engine.settings import LiveSettings
from live_engine.streams.stream import Tick
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

PRICE_EVERY_S = 0.0625
MUCH = Decimal(10**12)
PACE, PACE_S, SNAPSHOT_EVERY_S = 200, 4.0, 0.25
LIVE = LiveSettings(
    symbols=SYMBOLS,
    hand=HandSettings(cash=1e9),
    risk=RiskLimits(
        max_order_quantity=MUCH,
        max_order_notional=MUCH,
        max_position_quantity=MUCH,
        max_position_notional=MUCH,
        max_gross_exposure=MUCH,
        max_daily_loss=MUCH,
        max_drawdown_pct=Decimal(100),
        max_orders_per_second=10**9,
        max_orders_per_minute=10**9,
        max_orders_per_day=10**9,
        forbid_self_cross=False,
        duplicate_window_s=0,
    ),
)


@asynccontextmanager
async def floor(path: Path) -> AsyncIterator[tuple[Floor, FrontOffice, Journal]]:
    """A floor on which prices come."""
    sys.setswitchinterval(SWITCH_S)
    with Journal(path) as journal:
        instruments = [Instrument(symbol) for symbol in SYMBOLS]
        found = Floor(journal, restore(path, (), path.parent / "days"), LIVE, instruments)
        office = FrontOffice(found, path, reasons=list, figures=str)
        found.on_event = office.on_event
        found.begin()
        first = asyncio.Event()
        coming = asyncio.create_task(_prices(found, first))
        await first.wait()
        try:
            yield found, office, journal
        finally:
            coming.cancel()
            await found.settled()


async def placed(path: Path, number: int, callers: int) -> dict[str, float]:
    """So many orders by so many callers, each sending its next one when the one before is durable."""
    seconds: list[float] = []
    intents = iter(_intents("placed", number))

    async def caller(office: FrontOffice) -> None:
        for intent in intents:
            began = time.perf_counter()
            await office.place(intent)
            seconds.append(time.perf_counter() - began)

    async with floor(path) as (_, office, _):
        began = time.perf_counter()
        await asyncio.gather(*(caller(office) for _ in range(callers)))
        return {"orders_per_second": number / (time.perf_counter() - began), **percentiles(seconds)}


async def snapshots(path: Path, number: int) -> dict[str, float]:
    """With as many closed orders in the book as it keeps: what a snapshot takes, and what orders meanwhile wait."""
    async with floor(path) as (found, office, journal):
        for intent in _intents("before", number):
            await office.place(intent)
        plain = await _paced(office, "plain")
        beside = asyncio.create_task(_paced(office, "beside"))
        held, kept, sizes = [], [], []
        while not beside.done():
            await asyncio.sleep(SNAPSHOT_EVERY_S)
            began = time.perf_counter()
            seq, body = await found.at_rest()
            held.append(time.perf_counter() - began)
            await asyncio.wrap_future(journal.run(partial(snapshot.store, seq=seq, body=body)))
            kept.append(time.perf_counter() - began)
            sizes.append(len(body))
        began = time.perf_counter()
        found.state.to_bytes()
        return {
            "bytes": sizes[-1],
            "packing_ms": (time.perf_counter() - began) * 1e3,
            "new_orders_held_up_ms": median(held) * 1e3,
            "until_kept_ms": median(kept) * 1e3,
            "orders_per_second_meanwhile": PACE,
            "answer_p99_without_ms": percentiles(plain)["p99_ms"],
            "answer_p99_with_one_each_quarter_second_ms": percentiles(await beside)["p99_ms"],
        }


async def _paced(office: FrontOffice, named: str) -> list[float]:
    """The seconds that orders at an even pace waited for."""
    seconds: list[float] = []

    async def one(intent: OrderIntent) -> None:
        began = time.perf_counter()
        await office.place(intent)
        seconds.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as group:
        for intent in _intents(named, int(PACE * PACE_S)):
            group.create_task(one(intent))
            await asyncio.sleep(1 / PACE)
    return seconds


async def _prices(found: Floor, first: asyncio.Event) -> None:
    for price in cycle(map(Decimal, range(100, 107))):
        for symbol in SYMBOLS:
            await found.take(Tick(symbol, time.time_ns(), price, Decimal(1)))
        first.set()
        await asyncio.sleep(PRICE_EVERY_S)


def _intents(named: str, number: int) -> Iterator[OrderIntent]:
    one = OrderIntent(
        client_order_id="", symbol="", side="buy", order_type="market", quantity=Decimal(1), time_in_force="gtc"
    )
    for at in range(number):
        side, symbol = ("buy", "sell")[at // len(SYMBOLS) % 2], SYMBOLS[at % len(SYMBOLS)]
        yield msgspec.structs.replace(one, client_order_id=f"{named}-{at}", symbol=symbol, side=side)
