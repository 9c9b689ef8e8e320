"""Takes the readings: the one place where the engine's health touches clocks, threads and the kernel's files."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Literal

from live_engine.vitals.clocks import ClockSteps, LoopLag, Standstill
from live_engine.vitals.host import read_host
from live_engine.vitals.readings import ConsumerLag, Host, Readings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from live_engine.events import KillAction
    from live_engine.journal.writer import Journal
    from live_engine.vitals.readings import RetentionWait, StreamAge

HOST_EVERY_S = 5.0
SECOND_NS = 1_000_000_000


class Vitals:
    """What is measured over time; `run` does the measuring, `readings` answers at once and from memory."""

    def __init__(
        self,
        home: Path,
        *,
        clock: Callable[[], int] = time.monotonic_ns,
        wall: Callable[[], int] = time.time_ns,
        host: Callable[[Path], Host] = read_host,
    ) -> None:
        self._home, self._read_host = home, host
        self._lag = LoopLag(clock)
        self._steps = ClockSteps(clock, wall)
        self._standstill = Standstill(clock)
        self._host = Host()

    async def run(self) -> None:
        """Measure until cancelled. A disk that hangs holds up one thread and leaves the last figures standing."""
        lag = asyncio.create_task(self._lag.run())
        try:
            while True:
                self._host = await asyncio.to_thread(self._read_host, self._home)
                await asyncio.sleep(HOST_EVERY_S)
        finally:
            lag.cancel()

    def readings(
        self,
        journal: Journal,
        *,
        streams: tuple[StreamAge, ...] = (),
        consumers: tuple[ConsumerLag, ...] = (),
        queues: Mapping[str, int] | None = None,
        retention: tuple[RetentionWait, ...] = (),
        kill: KillAction | Literal[""] = "",
        broker: str = "",
    ) -> Readings:
        """How it all stands now; called about once a second, so that steps of the clock are seen by themselves.

        What the journal's writer is writing waits no longer in its queue: a flush that hangs shows in a seq that stands
        still while events are unwritten.
        """
        stands_s = self._standstill.seconds(journal.last_seq, journal.queued)
        return Readings(
            loop_lag_s=self._lag.lag_s(),
            clock_step_s=self._steps.step_s(),
            journal_failed="" if journal.failed is None else str(journal.failed),
            journal_wait_s=max(stands_s, journal.oldest_wait_ns() / SECOND_NS),
            journal_commit_s=journal.commit_ns / SECOND_NS,
            journal_last_seq=journal.last_seq,
            queues={"journal": journal.queued, **(queues or {})},
            streams=streams,
            consumers=consumers,
            retention=retention,
            kill=kill,
            broker=broker,
            host=self._host,
        )


def lag_of(name: str, seq: int | None, last_seq: int, error: str = "") -> ConsumerLag:
    """How far somebody who has come to `seq` is behind; None: it has never come, and nothing is known."""
    return ConsumerLag(name=name, events=None if seq is None else max(0, last_seq - seq), error=error)
