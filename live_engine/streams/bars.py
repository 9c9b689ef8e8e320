"""Bars out of ticks, by the venue's time.

A bar spans one timeframe from a start that is a multiple of it since 00:00 UTC, 1 January 1970; a tick at the very end
belongs to the next bar. It closes once a tick, or the clock (`flush`), is `lateness` past its end, or with the session.
Until then ticks may come in any order: the earliest by time, then by trade id, is the open, the latest the close; of
ticks that are equal in both the first to come opens and the last to come closes. Afterwards nothing changes it: such a
tick is told as LateTick. A timeframe without trades has no bar.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from live_engine.events import BarClosed, LateTick
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from decimal import Decimal

    from live_engine.streams.stream import Tick

SECOND_NS = 1_000_000_000


@dataclass(slots=True)
class _Growing:
    first: tuple[int, int]
    last: tuple[int, int]
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal

    def take(self, tick: Tick) -> None:
        moment = (tick.ts_ns, tick.trade_id)
        if moment < self.first:
            self.first, self.open = moment, tick.price
        if moment >= self.last:
            self.last, self.close = moment, tick.price
        self.high = max(self.high, tick.price)
        self.low = min(self.low, tick.price)
        self.volume += tick.size


class BarBuilder:
    """The bars of one symbol and timeframe; `lateness_ns` is how long after its end a bar waits for its last ticks."""

    def __init__(self, symbol: str, timeframe: str, lateness_ns: int = 0) -> None:
        self._symbol = symbol
        self._timeframe = timeframe
        self._length_ns = SECONDS[timeframe] * SECOND_NS
        self._lateness_ns = lateness_ns
        self._open: dict[int, _Growing] = {}
        self._closed_to_ns = 0  # what ends up to here is closed

    def on_tick(self, tick: Tick) -> list[BarClosed | LateTick]:
        """Take a tick of the symbol; answers the bars that close with it, oldest first, or that it is late."""
        start = tick.ts_ns // self._length_ns * self._length_ns
        if start < self._closed_to_ns:
            return [LateTick(symbol=self._symbol, ts_ns=tick.ts_ns, price=tick.price, size=tick.size)]
        growing = self._open.get(start)
        if growing is None:
            moment, price = (tick.ts_ns, tick.trade_id), tick.price
            self._open[start] = _Growing(moment, moment, price, price, price, price, tick.size)
        else:
            growing.take(tick)
        return [*self.flush(tick.ts_ns)]

    def flush(self, now_ns: int) -> list[BarClosed]:
        """Close what `now_ns` (UTC) is past, though no tick came: an engine calls it on a timer."""
        ended_ns = (now_ns - self._lateness_ns) // self._length_ns * self._length_ns
        return self._close_to(ended_ns)

    def end_session(self) -> list[BarClosed]:
        """Close whatever is open: the venue trades no more until the next session."""
        return self._close_to(max(self._open, default=-self._length_ns) + self._length_ns)

    def _close_to(self, end_ns: int) -> list[BarClosed]:
        self._closed_to_ns = max(self._closed_to_ns, end_ns)
        starts = sorted(start for start in self._open if start < self._closed_to_ns)
        return [self._bar(start, self._open.pop(start)) for start in starts]

    def _bar(self, start_ns: int, bar: _Growing) -> BarClosed:
        return BarClosed(
            symbol=self._symbol,
            timeframe=self._timeframe,
            ts_ns=start_ns,
            open=bar.open,
            high=bar.high,
            low=bar.low,
            close=bar.close,
            volume=bar.volume,
        )
