"""What must be watched for a while to be known: hold-ups of the event loop, steps of the clock, a writer that hangs.

The first two keep their worst of the last minutes, since whoever asks comes by only now and then.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

SECOND_NS = 1_000_000_000


class Worst:
    """The value that is farthest from 0 of those of the last `keep_s` seconds; moments are monotonic nanoseconds."""

    def __init__(self, keep_s: float) -> None:
        self._keep_ns = int(keep_s * SECOND_NS)
        self._kept: deque[tuple[int, float]] = deque()  # each farther from 0 than all that came after it

    def add(self, now_ns: int, value: float) -> None:
        """Take a value in."""
        while self._kept and abs(self._kept[-1][1]) <= abs(value):
            self._kept.pop()
        self._kept.append((now_ns, value))
        self._forget(now_ns)

    def value(self, now_ns: int) -> float:
        """The worst; 0 when there is none."""
        self._forget(now_ns)
        return self._kept[0][1] if self._kept else 0.0

    def _forget(self, now_ns: int) -> None:
        while self._kept and self._kept[0][0] < now_ns - self._keep_ns:
            self._kept.popleft()


class LoopLag:
    """How much later than it asked for a task is woken: as long as all others waited for their turn."""

    def __init__(
        self,
        clock: Callable[[], int],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        every_s: float = 0.5,
        keep_s: float = 60.0,
    ) -> None:
        self._clock, self._sleep, self._every_s = clock, sleep, every_s
        self._worst = Worst(keep_s)
        self._due_ns: int | None = None

    async def run(self) -> None:
        """Measure without end."""
        try:
            while True:
                self._due_ns = self._clock() + int(self._every_s * SECOND_NS)
                await self._sleep(self._every_s)
                self._worst.add(self._clock(), self._late_s())
        finally:
            self._due_ns = None

    def lag_s(self) -> float:
        """The worst of the last minute, or of right now: who asks may have been woken before the measuring task."""
        return max(self._worst.value(self._clock()), self._late_s())

    def _late_s(self) -> float:
        return 0.0 if self._due_ns is None else max(0, self._clock() - self._due_ns) / SECOND_NS


class ClockSteps:
    """How far the wall clock moved away from the monotonic one, from one look to the next: a second or so apart."""

    def __init__(self, clock: Callable[[], int], wall: Callable[[], int], *, keep_s: float = 300.0) -> None:
        self._clock, self._wall = clock, wall
        self._apart_ns = wall() - clock()
        self._worst = Worst(keep_s)

    def step_s(self) -> float:
        """The largest step of the last minutes, above 0 for one forward; a machine that slept has made one too."""
        now_ns = self._clock()
        apart_ns = self._wall() - now_ns
        self._worst.add(now_ns, (apart_ns - self._apart_ns) / SECOND_NS)
        self._apart_ns = apart_ns
        return self._worst.value(now_ns)


class Standstill:
    """How long something has had work without getting on with it."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._moved_ns = clock()
        self._place = -1

    def seconds(self, place: int, waiting: int) -> float:
        """`place` is where it has come to, `waiting` what is still to be done; 0 when nothing is."""
        if place != self._place or not waiting:
            self._place, self._moved_ns = place, self._clock()
        return (self._clock() - self._moved_ns) / SECOND_NS
