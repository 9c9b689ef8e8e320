"""Made-up trades for trying things out: a random walk on ticks, the same again for the same seed."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from live_engine.streams.replay import ReplayStream
from live_engine.streams.stream import Tick

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

STEPS = (-2, -1, -1, 0, 0, 1, 1, 2)  # ticks; as often up as down
MAX_SIZE = 100


def walk(
    symbols: Sequence[str], seed: int, *, start_ns: int, interval_ns: int, start_price: Decimal, tick: Decimal
) -> Iterator[Tick]:
    """Trades without end: every `interval_ns` one of each symbol, in their order, never below one tick.

    Each symbol walks by itself: another one beside it changes nothing.
    """
    dice = [random.Random(f"{seed} {symbol}") for symbol in symbols]  # noqa: S311 - prices, no secrets
    prices = [start_price] * len(symbols)
    for number in count(1):
        for at, symbol in enumerate(symbols):
            prices[at] = max(tick, prices[at] + dice[at].choice(STEPS) * tick)
            size = Decimal(dice[at].randint(1, MAX_SIZE))
            yield Tick(symbol, start_ns + (number - 1) * interval_ns, prices[at], size, number)


def simulated(
    symbols: Sequence[str],
    seed: int,
    *,
    start_ns: int,
    clock: Callable[[], int],
    speed: float = 1.0,
    interval_ns: int = 250_000_000,
    start_price: Decimal = Decimal(100),
    tick: Decimal = Decimal("0.01"),
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> ReplayStream:
    """A stream of such trades, the first of which happen at `start_ns` (UTC)."""

    def trades() -> Iterator[Tick]:
        return walk(
            symbols, seed, start_ns=start_ns, interval_ns=interval_ns, start_price=start_price, tick=tick
        )

    return ReplayStream("simulated", symbols, trades, speed=speed, clock=clock, sleep=sleep)
