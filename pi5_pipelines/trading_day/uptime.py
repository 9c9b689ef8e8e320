"""When the engine was up on a day, and how its runs ended: told to, killed, or nobody knows yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from live_engine.events import EngineStarted, EngineStopped
from pi5_pipelines.trading_day.journal_days import DAY_NS, begin_ns

if TYPE_CHECKING:
    from datetime import date

    from live_engine.events import Event

Ending = Literal["stopped", "killed", "goes on", "no word since"]


class EngineRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run within the day, UTC nanoseconds; of one that was killed the end is the last that it wrote down."""

    from_ns: int
    to_ns: int
    ending: Ending
    reason: str = ""


class Uptime(msgspec.Struct, frozen=True, kw_only=True):
    """The day's runs; `share` is of the whole day, or of what has passed of it."""

    runs: list[EngineRun]
    starts: int
    stops: int
    kills: int
    up_s: float
    share: float


class Runs:
    """The fold."""

    def __init__(self, day: date) -> None:
        self._begin, self._end = begin_ns(day), begin_ns(day) + DAY_NS
        self._runs: list[EngineRun] = []
        self._open: int | None = None
        self._last_ns = 0
        self._starts = self._stops = self._kills = 0

    def take(self, event: Event, *, counts: bool) -> None:
        """The next event."""
        if isinstance(event.body, EngineStarted):
            self._kill()
            self._open = event.wall_ns
            self._starts += counts
        elif isinstance(event.body, EngineStopped):
            self._close(event.wall_ns, "stopped", event.body.reason)
            self._stops += counts
        self._last_ns = event.wall_ns

    def of_day(self, following: Event | None, now_ns: int) -> Uptime:
        """The day as it stands; `following` is the first event after its last one, None when there is none yet."""
        if following is None:
            self._close(self._last_ns, "no word since")
        elif isinstance(following.body, EngineStarted):
            self._kill()
        else:
            self._close(self._end, "goes on")
        up_ns = sum(run.to_ns - run.from_ns for run in self._runs)
        passed_ns = min(max(now_ns, self._begin + 1), self._end) - self._begin
        return Uptime(
            runs=self._runs,
            starts=self._starts,
            stops=self._stops,
            kills=self._kills,
            up_s=up_ns / 1e9,
            share=min(1.0, up_ns / passed_ns),
        )

    def _kill(self) -> None:
        if self._open is not None:
            self._kills += self._begin <= self._last_ns < self._end
            self._close(self._last_ns, "killed")

    def _close(self, at_ns: int, ending: Ending, reason: str = "") -> None:
        if self._open is None:
            return
        from_ns, to_ns = max(self._open, self._begin), min(at_ns, self._end)
        self._open = None
        if from_ns <= to_ns and from_ns < self._end and to_ns >= self._begin:
            self._runs.append(EngineRun(from_ns=from_ns, to_ns=to_ns, ending=ending, reason=reason))
