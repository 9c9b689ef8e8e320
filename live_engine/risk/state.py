"""All that the risk rules remember, as the fold of what is written down: the switch, counts, losses and last prices.

It is folded when an event is handed to the journal, not when the device has it, so that the next order is judged by it.
An event that the device then refuses ends the engine, and a restart folds what is really there.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal  # noqa: TC003 - msgspec reads it at run time

import msgspec

from live_engine.events import (
    AccountMarked,
    AnyBody,
    BarClosed,
    Event,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
)
from live_engine.market_clock import MarketClock
from live_engine.risk.duplicates import RecentOrders, fold_recent
from live_engine.risk.kill_switch import KillSwitch, fold_switch
from live_engine.risk.loss import EquityMarks, fold_marks
from live_engine.risk.rate import OrderCounts, fold_counts
from trading.timeframe import SECONDS

NS_PER_S = 1_000_000_000
ENDS = (OrderCanceled, OrderExpired, OrderRejected)


class Seen(msgspec.Struct, frozen=True):
    """The last price of a symbol, its own time (UTC), and when it came by a clock that never steps back (0: never)."""

    price: Decimal
    ts_ns: int
    came_ns: int = 0


class RiskState(msgspec.Struct):
    """`bars` holds the start of the last closed bar by symbol and timeframe, `marked_ns` the time of the last mark."""

    clock: MarketClock = msgspec.field(default_factory=MarketClock)
    switch: KillSwitch = KillSwitch()
    counts: OrderCounts = OrderCounts()
    recent: RecentOrders = RecentOrders()
    marks: EquityMarks = EquityMarks()
    marked_ns: int = 0
    prices: dict[str, Seen] = {}
    bars: dict[str, int] = {}
    counted: dict[str, None] = {}

    def take(self, body: AnyBody, wall_ns: int, came_ns: int = 0) -> None:
        """Fold an event in that is written down now."""
        if isinstance(body, BarClosed):
            if not body.strategy:
                self._bar(body, wall_ns, came_ns)
            return
        if isinstance(body, ENDS):
            self.counted.pop(body.client_order_id, None)  # it ended before it was sent
        elif isinstance(body, OrderSubmitted):
            if body.client_order_id in self.counted:
                del self.counted[body.client_order_id]
            else:
                self.counts = fold_counts(self.counts, self._at_market(body, wall_ns))
        elif isinstance(body, (OrderIntent, OrderDenied)):
            self.recent = fold_recent(self.recent, self._at_market(body, wall_ns))
        elif isinstance(body, (AccountMarked, KillSwitchSet, KillSwitchRearmed)):
            self.switch = fold_switch(self.switch, Event(seq=0, wall_ns=wall_ns, mono_ns=0, body=body))
            if isinstance(body, AccountMarked):
                if body.market_ns > self.clock.heard_ns:
                    self.clock.heard(body.market_ns, wall_ns)
                self.marked_ns = self.clock.heard_ns
            self.marks = fold_marks(self.marks, self._at_market(body, wall_ns))

    def allow(self, order: OrderIntent, wall_ns: int) -> None:
        """Count an order that is allowed, though it is sent a little later."""
        self.counted[order.client_order_id] = None
        sent = OrderSubmitted(client_order_id=order.client_order_id, venue="")
        self.counts = fold_counts(self.counts, self._at_market(sent, wall_ns))

    def begin_anew(self) -> None:
        """Another process goes on with it: what its steady clock said means nothing to this one's."""
        self.prices = {symbol: msgspec.structs.replace(seen, came_ns=0) for symbol, seen in self.prices.items()}

    def price(self, symbol: str, price: Decimal, ts_ns: int, wall_ns: int, came_ns: int) -> None:
        """A price has come."""
        self.clock.heard(ts_ns, wall_ns)
        self.prices[symbol] = Seen(price, ts_ns, came_ns)

    def is_new(self, bar: BarClosed) -> bool:
        """Whether a bar comes after the last one of its symbol and timeframe."""
        return bar.ts_ns > self.bars.get(f"{bar.symbol} {bar.timeframe}", -(2**63))

    def last_price(self, symbol: str) -> Decimal | None:
        """The last price of a symbol; None before any."""
        seen = self.prices.get(symbol)
        return None if seen is None else seen.price

    def day(self) -> str:
        """The day of the last price, UTC."""
        return datetime.fromtimestamp(self.clock.heard_ns // NS_PER_S, tz=UTC).date().isoformat()

    def _at_market(self, body: AnyBody, wall_ns: int) -> Event:
        """An event as of the time of trading."""
        return Event(seq=0, wall_ns=self.clock.now(wall_ns), mono_ns=0, body=body)

    def _bar(self, bar: BarClosed, wall_ns: int, came_ns: int) -> None:
        if self.is_new(bar):
            self.bars[f"{bar.symbol} {bar.timeframe}"] = bar.ts_ns
            end_ns = bar.ts_ns + SECONDS[bar.timeframe] * NS_PER_S
            seen = self.prices.get(bar.symbol)
            if seen is None or seen.ts_ns <= end_ns:
                self.price(bar.symbol, bar.close, end_ns, wall_ns, came_ns)
