"""The orders of strategies and those by hand, in a book each: what one holds is not the other's to reduce.

To the account both are one: positions add up, and so do cash, cost and fees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.events import OrderIntent
from live_engine.orders import snapshot
from live_engine.orders.book import OrderBook
from live_engine.orders.exact import plus
from live_engine.orders.positions import Position

if TYPE_CHECKING:
    from live_engine.events import Event
    from live_engine.orders.order import Order

KEEP_CLOSED = 2_000  # a book


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    hand: bytes
    strategies: bytes


class Books:
    """Both books, fed the events of the journal in their order."""

    def __init__(self) -> None:
        self.hand = OrderBook(keep_closed=KEEP_CLOSED)
        self.strategies = OrderBook(keep_closed=KEEP_CLOSED)

    def apply(self, event: Event) -> Order | None:
        """Take an event in; the order as it stands then, None when no order changed."""
        return self._of(event).apply(event.body, event.seq, event.wall_ns)

    def order(self, client_order_id: str) -> Order | None:
        """An order of either book."""
        return self.hand.orders.get(client_order_id) or self.strategies.orders.get(client_order_id)

    def book_of(self, order: Order) -> OrderBook:
        """The book that an order is in."""
        return self.strategies if order.intent.strategy else self.hand

    def orders(self) -> list[Order]:
        """All orders that are remembered, the newest first."""
        found = [*self.hand.orders.values(), *self.strategies.orders.values()]
        return sorted(found, key=lambda order: -order.seq)

    def positions(self) -> dict[str, Position]:
        """What is held by symbol, of both together."""
        total = dict(self.strategies.positions.by_symbol)
        for symbol, one in self.hand.positions.by_symbol.items():
            total[symbol] = _sum(total[symbol], one) if symbol in total else one
        return total

    def state(self) -> bytes:
        """Both books as bytes."""
        return msgspec.msgpack.encode(_Kept(snapshot.to_bytes(self.hand), snapshot.to_bytes(self.strategies)))

    def resume(self, state: bytes, *, where: str) -> None:
        """Go on from such bytes; raises SnapshotError."""
        kept = msgspec.msgpack.decode(state, type=_Kept)
        self.hand = snapshot.from_bytes(kept.hand, where=where, keep_closed=KEEP_CLOSED)
        self.strategies = snapshot.from_bytes(kept.strategies, where=where, keep_closed=KEEP_CLOSED)

    def _of(self, event: Event) -> OrderBook:
        body = event.body
        if isinstance(body, OrderIntent):
            return self.strategies if body.strategy else self.hand
        return self.hand if getattr(body, "client_order_id", "") in self.hand.orders else self.strategies


def _sum(one: Position, other: Position) -> Position:
    return Position(
        symbol=one.symbol,
        currency=one.currency,
        quantity=plus(one.quantity, other.quantity),
        cost=plus(one.cost, other.cost),
        realised=plus(one.realised, other.realised),
        fees=plus(one.fees, other.fees),
    )
