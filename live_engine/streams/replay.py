"""Prices of the past (or made up ones) given out in the rhythm of their own time, at any speed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from live_engine.errors import PricesError
from live_engine.events import BarClosed
from live_engine.streams.market_export import read_export
from live_engine.streams.price_file import read_prices
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
    from pathlib import Path

    from live_engine.streams.stream import Update

SECOND_NS = 1_000_000_000
PASSED_OVER = 4_096  # the same for updates that nobody gets
BREATH = 64  # updates at full speed between two turns of the event loop: others are to run as well


def due_ns(update: Update) -> int:
    """The moment at which an update is known: a tick at its time, a bar when it closes."""
    if isinstance(update, BarClosed):
        return update.ts_ns + SECONDS[update.timeframe] * SECOND_NS
    return update.ts_ns


class ReplayStream:
    """Updates at `speed` times the pace they happened at; 0 is as fast as whoever reads takes them.

    `updates` is called when the iteration begins and read one by one, so nothing piles up in memory; those that were
    known before `after_ns` (UTC) are passed over, and times that step back are given out at once. `clock` answers
    nanoseconds that never step back, `sleep` takes seconds.
    """

    def __init__(
        self,
        name: str,
        symbols: Collection[str],
        updates: Callable[[], Iterator[Update]],
        *,
        speed: float,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        after_ns: int = 0,
    ) -> None:
        if not 0.0 <= speed < float("inf"):
            raise PricesError(
                f"a speed of {speed:g} cannot be", where=f"stream {name}", hint="use 0 (full speed), 1 or above"
            )
        self.name = name
        self.symbols = frozenset(symbols)
        self._updates = updates
        self._speed = speed
        self._clock = clock
        self._sleep = sleep
        self._after_ns = after_ns
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[Update]:
        updates = self._updates()
        started_ns, first_ns, count = self._clock(), None, 0
        try:
            for update in updates:
                count += 1
                if due_ns(update) < self._after_ns:
                    if count % PASSED_OVER == 0:
                        await self._sleep(0.0)
                    continue
                first_ns = due_ns(update) if first_ns is None else first_ns
                if self._speed > 0.0:
                    passed_ns = (due_ns(update) - first_ns) / self._speed
                    await self._wait(started_ns + passed_ns)
                elif count % BREATH == 0:
                    await self._sleep(0.0)
                if self._closed:
                    return
                yield update
        finally:
            close = getattr(updates, "close", None)  # a generator holds its file open until it ends
            if close is not None:
                close()

    async def _wait(self, until_ns: float) -> None:
        while not self._closed and (left_ns := until_ns - self._clock()) > 0:
            await self._sleep(min(left_ns / SECOND_NS, 1.0))  # a stream that is closed ends within a second

    async def close(self) -> None:
        """End the iteration before its next update."""
        self._closed = True


def replay_file(
    path: Path,
    symbol: str,
    timeframe: str,
    *,
    speed: float,
    clock: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    after_ns: int = 0,
) -> ReplayStream:
    """Replay a CSV file of one symbol's bars or ticks; PricesError is raised as its wrong line is met."""
    return ReplayStream(
        f"replay {path.name}",
        {symbol},
        lambda: read_prices(path, symbol, timeframe),
        speed=speed,
        clock=clock,
        sleep=sleep,
        after_ns=after_ns,
    )


def replay_export(
    path: Path,
    symbols: Collection[str],
    timeframe: str,
    *,
    speed: float,
    clock: Callable[[], int],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    after_ns: int = 0,
    needed: Collection[str] | None = None,
) -> ReplayStream:
    """Replay the bars that the data platform published; PricesError is raised as reading begins, or at a wrong row."""
    return ReplayStream(
        f"replay {path.name}",
        symbols,
        lambda: read_export(path, symbols, timeframe, needed),
        speed=speed,
        clock=clock,
        sleep=sleep,
        after_ns=after_ns,
    )
