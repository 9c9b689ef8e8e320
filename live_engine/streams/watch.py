"""Is a stream alive, and does it bring everything? A socket that is connected and mute looks well from outside.

Nothing here reads a clock: the caller passes the moment, of a clock that does not step back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec

from live_engine.events import BarClosed, StreamConnected, StreamGap, StreamStale
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from live_engine.streams.stream import Tick

SECOND_NS = 1_000_000_000
DAY_S = 86_400
MONDAY = 3  # 1 January 1970 was a Thursday: 0 is Monday as in datetime.weekday
EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)


class Hours(Protocol):
    """When a symbol is traded."""

    def are_at(self, ts_ns: int, symbol: str) -> bool:
        """Whether it is at a moment."""
        ...


class TradingHours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a venue trades any symbol: weekdays (0 is Monday), seconds of the UTC day, the end not included."""

    weekdays: tuple[int, ...] = EVERY_DAY
    from_s: int = 0
    to_s: int = DAY_S

    def are_at(self, ts_ns: int, symbol: str = "") -> bool:
        """Whether the venue trades at a moment."""
        del symbol
        days, second = divmod(ts_ns // SECOND_NS, DAY_S)
        return (days + MONDAY) % 7 in self.weekdays and self.from_s <= second < self.to_s


class AgeWatch:
    """How long a stream has been silent: StreamStale once a silence, StreamConnected when it delivers (again)."""

    def __init__(self, stream: str, max_age_s: float, now_ns: int) -> None:
        self._stream = stream
        self._max_age_s = max_age_s
        self._heard_ns = now_ns
        self._connected = False
        self._stale = False

    def age_s(self, now_ns: int) -> float:
        """Seconds since the last update; since the beginning where there was none."""
        return max(0, now_ns - self._heard_ns) / SECOND_NS

    @property
    def is_stale(self) -> bool:
        """Whether it was told to be silent and has not delivered since."""
        return self._stale

    def heard(self, now_ns: int) -> list[StreamConnected]:
        """An update came."""
        self._heard_ns = max(now_ns, self._heard_ns)
        if self._connected and not self._stale:
            return []
        self._connected, self._stale = True, False
        return [StreamConnected(stream=self._stream)]

    def check(self, now_ns: int) -> list[StreamStale]:
        """Time has passed: an engine calls it on a timer, while the venue trades."""
        age_s = self.age_s(now_ns)
        if self._stale or age_s <= self._max_age_s:
            return []
        self._stale = True
        return [StreamStale(stream=self._stream, age_s=age_s)]


class BarGaps:
    """Bars that are missing between two closed ones, while the venue traded."""

    def __init__(self, stream: str, hours: Hours) -> None:
        self._stream, self._hours = stream, hours
        self._last: dict[tuple[str, str], int] = {}

    def on_bar(self, bar: BarClosed) -> list[StreamGap]:
        """Take a closed bar; answers the first missing start up to the end of the last missing bar."""
        key, length_ns = (bar.symbol, bar.timeframe), SECONDS[bar.timeframe] * SECOND_NS
        last_ns = self._last.get(key, bar.ts_ns)
        self._last[key] = max(last_ns, bar.ts_ns)
        missing = range(last_ns + length_ns, bar.ts_ns, length_ns)
        traded = self._hours.are_at
        first_ns = next((ts_ns for ts_ns in missing if traded(ts_ns, bar.symbol)), None)
        if first_ns is None:
            return []
        end_ns = next(ts_ns for ts_ns in reversed(missing) if traded(ts_ns, bar.symbol)) + length_ns
        return [StreamGap(stream=self._stream, symbol=bar.symbol, from_ns=first_ns, to_ns=end_ns)]


class TickGaps:
    """Trades that are missing because a symbol's running trade ids leap; ticks without ids (0) are not judged."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._last: dict[str, Tick] = {}

    def on_tick(self, tick: Tick) -> list[StreamGap]:
        """Take a tick; one that comes late or twice is no leap. Both ends of a gap are the ticks beside it."""
        if tick.trade_id == 0:
            return []
        last = self._last.get(tick.symbol)
        if last is None or tick.trade_id > last.trade_id:
            self._last[tick.symbol] = tick
        if last is None or tick.trade_id <= last.trade_id + 1:
            return []
        return [StreamGap(stream=self._stream, symbol=tick.symbol, from_ns=last.ts_ns, to_ns=tick.ts_ns)]
