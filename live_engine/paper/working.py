"""The orders by hand that may still fill, as risk sees them, and what those of a symbol come to: kept, not recounted.

An order is judged by all that works. To add that up for each would make the hundredth order as dear as a hundred.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.orders.exact import minus, plus
from live_engine.risk.view import Working, WorkingOrder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from live_engine.events import OrderIntent
    from live_engine.orders.order import Order


class WorkingOrders:
    """`sums` has the symbols of which an order works, and no other."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self.by_id: dict[str, WorkingOrder] = {}
        self.sums: dict[str, Working] = {}
        self._counts: dict[str, int] = {}
        for order in orders:
            self.see(order)

    def see(self, order: Order) -> None:
        """An order as it stands now."""
        self._put(order.id, as_shown(order) if order.is_open else None)

    def expect(self, intent: OrderIntent) -> None:
        """An order is on its way to the device."""
        self._put(intent.client_order_id, as_wanted(intent))

    def drop(self, client_order_id: str) -> None:
        """An order works no more, or never will."""
        self._put(client_order_id, None)

    def _put(self, own: str, order: WorkingOrder | None) -> None:
        old = self.by_id.get(own)
        if old == order:
            return
        if old is not None:
            del self.by_id[own]
            self._count(old, minus, -1)
        if order is not None:
            self.by_id[own] = order
            self._count(order, plus, 1)

    def _count(self, order: WorkingOrder, change: Callable[[Decimal, Decimal], Decimal], more: int) -> None:
        symbol = order.symbol
        self._counts[symbol] = self._counts.get(symbol, 0) + more
        if self._counts[symbol]:
            self.sums[symbol] = self.sums.get(symbol, Working()).with_order(order, change)
        else:
            del self._counts[symbol], self.sums[symbol]


def as_shown(order: Order) -> WorkingOrder:
    """An order of the book."""
    intent = order.intent
    stops = intent.stop_price is not None or intent.trail is not None
    return WorkingOrder(
        client_order_id=order.id,
        symbol=intent.symbol,
        side=intent.side,
        order_type=intent.order_type,
        remaining=order.leaves,
        filled=order.cumulative,
        limit_price=intent.limit_price,
        reduce_only=intent.reduce_only,
        resting=not order.waiting and (order.triggered or not stops),
    )


def as_wanted(intent: OrderIntent) -> WorkingOrder:
    """An order that is to be in the book."""
    return WorkingOrder(
        client_order_id=intent.client_order_id,
        symbol=intent.symbol,
        side=intent.side,
        order_type=intent.order_type,
        remaining=intent.quantity,
        limit_price=intent.limit_price,
        reduce_only=intent.reduce_only,
        resting=intent.stop_price is None and intent.trail is None and not intent.parent,
    )
