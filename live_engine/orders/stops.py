"""Stops that the engine itself watches, where a venue lacks them: held here, and sent once a price reaches them.

The stop itself is in the book (OrderTrailed), so a trailing one goes on where it was after a restart. As in
trading/matching.py a price acts before it is followed: one that reaches the stop triggers at the price that is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.events import Body, OrderTrailed, OrderTriggered
from live_engine.orders.moves import trailed

if TYPE_CHECKING:
    from collections.abc import Collection
    from decimal import Decimal

    from live_engine.events import OrderType
    from live_engine.orders.book import OrderBook
    from live_engine.orders.order import Order

EMULATED: frozenset[OrderType] = frozenset({"trailing_stop"})  # what most venues lack
SENT_AS: dict[OrderType, OrderType] = {"stop": "market", "trailing_stop": "market", "stop_limit": "limit"}


def on_price(
    book: OrderBook, symbol: str, price: Decimal, emulated: Collection[OrderType] = EMULATED
) -> tuple[Body, ...]:
    """What a price does to the stops held here: it triggers them, or moves those that trail."""
    steps = (
        _met(order, price)
        for order in book.open_orders(symbol)
        if order.intent.order_type in emulated and _rests(order) and not order.triggered
    )
    return tuple(step for step in steps if step is not None)


def ready(book: OrderBook, emulated: Collection[OrderType] = EMULATED) -> tuple[Order, ...]:
    """The orders that are to be sent now: not sent yet, alive, and no stop that still has to be reached."""
    return tuple(
        order
        for order in book.open_orders()
        if _rests(order) and (order.triggered or order.intent.order_type not in emulated)
    )


def sent_as(order: Order, emulated: Collection[OrderType] = EMULATED) -> OrderType:
    """The type under which a venue gets an order: one whose stop we watched goes without it."""
    kind = order.intent.order_type
    return SENT_AS.get(kind, kind) if kind in emulated else kind


def _rests(order: Order) -> bool:
    return order.is_held and not order.waiting and not order.cancel_asked


def _met(order: Order, price: Decimal) -> Body | None:
    sells = order.intent.side == "sell"
    stop = order.stop_price
    if stop is not None and (price <= stop if sells else price >= stop):
        return OrderTriggered(client_order_id=order.id, price=price)
    moved = trailed(order.intent, price)
    if moved is not None and (stop is None or (moved > stop if sells else moved < stop)):
        return OrderTrailed(client_order_id=order.id, stop_price=moved)
    return None
