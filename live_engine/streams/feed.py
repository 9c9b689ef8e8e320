"""What a stream's updates mean to the engine: closed bars, ticks that came too late, holes, silence and its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.events import BarClosed, Body
from live_engine.streams.bars import BarBuilder
from live_engine.streams.watch import AgeWatch, BarGaps, TickGaps

if TYPE_CHECKING:
    from collections.abc import Collection

    from live_engine.streams.stream import Update
    from live_engine.streams.watch import Hours


class Feed:
    """One stream. Ticks become bars of all `timeframes`; bars that the stream brings itself pass through.

    `max_age_s` is how long the stream may be silent, `lateness_ns` how long a bar waits for its last ticks. `hours` is
    when its symbols are traded, and without any nothing is judged missing: nobody can fetch again what a file, or a
    dream, lacks. `mono_ns` is a clock that never steps back, `wall_ns` UTC.
    """

    def __init__(
        self,
        stream: str,
        timeframes: Collection[str],
        *,
        max_age_s: float,
        mono_ns: int,
        lateness_ns: int = 0,
        hours: Hours | None = None,
    ) -> None:
        self.age = AgeWatch(stream, max_age_s, mono_ns)
        self._timeframes = sorted(set(timeframes))
        self._lateness_ns = lateness_ns
        self._hours = hours
        self._builders: dict[str, list[BarBuilder]] = {}
        self._bar_gaps = BarGaps(stream, hours) if hours else None
        self._tick_gaps = TickGaps(stream) if hours else None

    def on_update(self, update: Update, mono_ns: int) -> list[Body]:
        """Take an update; answers what came of it, a hole before what lies behind it."""
        told: list[Body] = [*self.age.heard(mono_ns)]
        if isinstance(update, BarClosed):
            return [*told, *self._closed([update])]
        told += self._tick_gaps.on_tick(update) if self._tick_gaps else ()
        builders = self._builders.get(update.symbol)
        if builders is None:
            builders = [BarBuilder(update.symbol, one, self._lateness_ns) for one in self._timeframes]
            self._builders[update.symbol] = builders
        late = set()
        for builder in builders:
            for body in builder.on_tick(update):
                if isinstance(body, BarClosed):
                    told += self._closed([body])
                elif body not in late:  # too late for several timeframes: told once
                    late.add(body)
                    told.append(body)
        return told

    def on_time(self, wall_ns: int, mono_ns: int) -> list[Body]:
        """Time has passed: bars close without ticks, and a silent stream is told while its venue trades."""
        told = self._closed([bar for builder in self._all() for bar in builder.flush(wall_ns)])
        if self._hours is None or self._hours.are_at(wall_ns, ""):
            told += self.age.check(mono_ns)
        return told

    def end_session(self) -> list[Body]:
        """The venue has closed: every open bar does."""
        return self._closed([bar for builder in self._all() for bar in builder.end_session()])

    def _closed(self, bars: list[BarClosed]) -> list[Body]:
        return [body for bar in bars for body in (*(self._bar_gaps.on_bar(bar) if self._bar_gaps else ()), bar)]

    def _all(self) -> list[BarBuilder]:
        return [builder for builders in self._builders.values() for builder in builders]
