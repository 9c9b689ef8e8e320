"""When the venues of a published file trade: which of its bars could have been."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from live_engine.errors import PricesError
from live_engine.streams.market_export import Session, read_instruments, read_sessions
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

SECOND_NS = 1_000_000_000


class Sessions:
    """Sessions by symbol, the oldest first. A moment counts when a bar that begins then holds some of a session.

    Before the first and after the last session that is known, and of a symbol without any, nothing counts.
    """

    def __init__(self, by_symbol: Mapping[str, Sequence[Session]], timeframe: str) -> None:
        self._by_symbol, self._length_ns = by_symbol, SECONDS[timeframe] * SECOND_NS

    def are_at(self, ts_ns: int, symbol: str) -> bool:
        """Whether a symbol's bar that begins at a moment could have been."""
        sessions = self._by_symbol.get(symbol, ())
        following = bisect_right(sessions, ts_ns, key=lambda session: session.closes_ns)
        return following < len(sessions) and sessions[following].opens_ns < ts_ns + self._length_ns


def sessions_of(path: Path, symbols: Collection[str], timeframe: str) -> Sessions:
    """The sessions that a published file tells of; raises PricesError when it cannot be read."""
    calendars = {one.symbol: one.calendar for one in read_instruments(path) if one.symbol in symbols}
    known: dict[str, tuple[Session, ...]] = {}
    for calendar in {*calendars.values()}:
        try:
            known[calendar] = read_sessions(path, calendar)
        except PricesError:
            known[calendar] = ()  # always open, or not told: nothing is judged missing
    return Sessions({symbol: known[calendar] for symbol, calendar in calendars.items()}, timeframe)
