"""Made-up trades for trying things out: a random walk on ticks, the same again for the same seed."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

import msgspec

from live_engine.streams.replay import ReplayStream
from live_engine.streams.stream import Tick

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence

STEPS = (-2, -1, -1, 0, 0, 1, 1, 2)  # ticks; as often up as down
MAX_SIZE = 100


class RandomWalk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a walk begins (`start_ns`, UTC) and how it steps: a trade of every symbol each `interval_ns`."""

    seed: int
    start_ns: int
    interval_ns: int = 250_000_000
    start_price: Decimal = Decimal(100)
    tick: Decimal = Decimal("0.01")


def walk(symbols: Sequence[str], like: RandomWalk) -> Iterator[Tick]:
    """Trades without end, symbol after symbol in the order given, never below one tick.

    Each symbol walks by itself: another one beside it changes nothing.
    """
    dice = [random.Random(f"{like.seed} {symbol}") for symbol in symbols]  # noqa: S311 - prices, no secrets
    prices = [like.start_price] * len(symbols)
    for number in count(1):
        ts_ns = like.start_ns + (number - 1) * like.interval_ns
        for at, symbol in enumerate(symbols):
            prices[at] = max(like.tick, prices[at] + dice[at].choice(STEPS) * like.tick)
            yield Tick(symbol, ts_ns, prices[at], Decimal(dice[at].randint(1, MAX_SIZE)), number)


def simulated(
    symbols: Sequence[str],
    like: RandomWalk,
    *,
    clock: Callable[[], int],
    speed: float = 1.0,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> ReplayStream:
    """A stream of such trades."""
    return ReplayStream("simulated", symbols, lambda: walk(symbols, like), speed=speed, clock=clock, sleep=sleep)
