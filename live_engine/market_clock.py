"""What time it is for trading: that of the prices. A replay of last year trades last year's days and hours.

Between two prices it goes on at the pace of the wall clock, and it does not step back, unless prices show that it ran
far ahead of them: the wall clock was wrong and has been put right, or a replay goes on after a night. With a live
stream, whose prices are of now, it is the wall clock as near as prices are late.
"""

from __future__ import annotations

import msgspec

FAR_AHEAD_NS = 60_000_000_000


class MarketClock(msgspec.Struct):
    """`heard_ns` is the last price's own time, `wall_ns` when it came; both UTC, 0 before any."""

    heard_ns: int = 0
    wall_ns: int = 0
    last_ns: int = 0

    def heard(self, market_ns: int, wall_ns: int) -> None:
        """A price of this time has come."""
        if market_ns >= self.heard_ns:
            self.heard_ns, self.wall_ns = market_ns, wall_ns
            if self.last_ns - market_ns > FAR_AHEAD_NS:
                self.last_ns = market_ns

    def now(self, wall_ns: int) -> int:
        """The time of trading; the wall clock's own before the first price."""
        if self.heard_ns:
            self.last_ns = max(self.last_ns, self.heard_ns + max(0, wall_ns - self.wall_ns))
        return self.last_ns or wall_ns
