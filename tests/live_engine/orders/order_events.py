"""Events of orders, short to write, and books made of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine import events
from live_engine.orders.book import OrderBook

if TYPE_CHECKING:
    from live_engine.orders.order import Order
    from live_engine.orders.status import OrdStatus

D = Decimal


def intent(order_id: str = "a", quantity: str = "10", **fields: Any) -> events.OrderIntent:  # noqa: ANN401 - any field
    given: dict[str, Any] = {"symbol": "ACME", "side": "buy", "order_type": "market", **fields}
    return events.OrderIntent(client_order_id=order_id, quantity=D(quantity), **given)


def limit(order_id: str = "a", quantity: str = "10", price: str = "100", **fields: Any) -> events.OrderIntent:  # noqa: ANN401
    return intent(order_id, quantity, order_type="limit", limit_price=D(price), **fields)


def submitted(order_id: str = "a") -> events.OrderSubmitted:
    return events.OrderSubmitted(client_order_id=order_id, venue="paper")


def accepted(order_id: str = "a") -> events.OrderAccepted:
    return events.OrderAccepted(client_order_id=order_id, venue_order_id=f"v-{order_id}")


def rejected(order_id: str = "a") -> events.OrderRejected:
    return events.OrderRejected(client_order_id=order_id, reason="no margin")


def unknown(order_id: str = "a") -> events.OrderUnknown:
    return events.OrderUnknown(client_order_id=order_id, reason="timed out")


def canceled(order_id: str = "a") -> events.OrderCanceled:
    return events.OrderCanceled(client_order_id=order_id)


def expired(order_id: str = "a") -> events.OrderExpired:
    return events.OrderExpired(client_order_id=order_id)


def denied(order_id: str = "a") -> events.OrderDenied:
    return events.OrderDenied(client_order_id=order_id, rule="max_notional", reason="too large")


def ask_cancel(order_id: str = "a") -> events.CancelRequested:
    return events.CancelRequested(client_order_id=order_id)


def cancel_rejected(order_id: str = "a") -> events.CancelRejected:
    return events.CancelRejected(client_order_id=order_id, reason="too late")


def replaced(order_id: str) -> events.OrderReplaced:
    return events.OrderReplaced(client_order_id=order_id)


def replace_rejected(order_id: str) -> events.ReplaceRejected:
    return events.ReplaceRejected(client_order_id=order_id, reason="too late")


def fill(
    order_id: str = "a",
    fill_id: str = "1",
    quantity: str = "4",
    price: str = "100",
    **fields: Any,  # noqa: ANN401
) -> events.OrderFilled:
    return events.OrderFilled(client_order_id=order_id, fill_id=fill_id, quantity=D(quantity), price=D(price), **fields)


def tell(book: OrderBook, *bodies: events.Body) -> OrderBook:
    """The book with these events taken in, numbered on from its last one."""
    for body in bodies:
        book.apply(body, book.seq + 1, 1_000 * (book.seq + 1))
    return book


def book_of(*bodies: events.Body) -> OrderBook:
    return tell(OrderBook(), *bodies)


def order_of(*bodies: events.Body) -> Order:
    """The order `a` after these events."""
    return book_of(*bodies).orders["a"]


def status(book: OrderBook, order_id: str = "a") -> OrdStatus:
    return book.orders[order_id].status


def without_times(order: Order) -> Order:
    return msgspec.structs.replace(order, seq=0, placed_ns=0, changed_ns=0)
