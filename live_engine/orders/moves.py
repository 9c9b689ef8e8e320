"""What one event makes of the one order that it names, as changes to its fields."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live_engine import events
from live_engine.orders.exact import minus, plus
from live_engine.orders.order import Fill, Order
from live_engine.orders.status import ACKNOWLEDGED, TERMINAL, ExecType, OrdStatus, standing_after

if TYPE_CHECKING:
    from collections.abc import Callable

Named = (
    events.OrderDenied
    | events.OrderSubmitted
    | events.OrderAccepted
    | events.OrderRejected
    | events.OrderUnknown
    | events.OrderTriggered
    | events.OrderTrailed
    | events.CancelRequested
    | events.CancelRejected
    | events.OrderCanceled
    | events.OrderExpired
    | events.ReplaceRejected
    | events.OrderReplaced
)
Changes = dict[str, Any]

EXEC_TYPES: dict[type[Any], ExecType] = {
    events.OrderDenied: ExecType.DENIED,
    events.OrderRejected: ExecType.REJECTED,
    events.ReplaceRejected: ExecType.REJECTED,
    events.OrderUnknown: ExecType.UNKNOWN,
    events.OrderCanceled: ExecType.CANCELED,
    events.OrderExpired: ExecType.EXPIRED,
}


def new_order(intent: events.OrderIntent, old: Order | None, seq: int, wall_ns: int) -> Order:
    """The order of an intent; `old` is the one whose place it takes, and what that one has been through goes on."""
    waiting = old.waiting if old else bool(intent.parent)
    same_stop = old is not None and old.intent.order_type == intent.order_type and old.intent.trail == intent.trail
    stop = intent.stop_price
    if stop is None and intent.order_type == "trailing_stop":
        if old is not None and same_stop:
            stop = old.stop_price
        elif intent.decision_price is not None and not waiting:
            stop = trailed(intent, intent.decision_price)
    return Order(
        intent=intent,
        seq=seq,
        placed_ns=wall_ns,
        changed_ns=wall_ns,
        quantity=intent.quantity,
        carried=old.cumulative if old else Decimal(0),
        stop_price=stop,
        waiting=waiting,
        triggered=old is not None and same_stop and old.triggered,
    )


def trailed(intent: events.OrderIntent, price: Decimal) -> Decimal | None:
    """The stop that follows a price at the order's distance, below it for a sale; None without a distance."""
    if intent.trail is None:
        return None
    return minus(price, intent.trail) if intent.side == "sell" else plus(price, intent.trail)


def changes_of(order: Order, body: Named) -> Changes:
    """The fields that an event changes."""
    return CHANGES.get(type(body), _moved)(order, body)


def _moved(order: Order, body: Any) -> Changes:  # noqa: ANN401 - one of EXEC_TYPES
    standing = standing_after(order.standing, EXEC_TYPES[type(body)])
    return {"standing": standing, "reason": body.reason} if standing != order.standing else {}


def _submitted(order: Order, body: events.OrderSubmitted) -> Changes:
    return {"standing": standing_after(order.standing, ExecType.SUBMITTED), "venue": body.venue}


def _cancel_asked(order: Order, _body: events.CancelRequested) -> Changes:
    return {"cancel_asked": True} if order.is_open else {}


def _cancel_refused(order: Order, _body: events.CancelRejected) -> Changes:
    return {"cancel_asked": False, "cancels_refused": order.cancels_refused + 1} if order.cancel_asked else {}


def _trailed(order: Order, body: events.OrderTrailed) -> Changes:
    return {"stop_price": body.stop_price} if order.is_open else {}


def _replace_refused(order: Order, body: events.ReplaceRejected) -> Changes:
    """Refused after it was taken: the venue has contradicted itself, and the order may work."""
    return {"disputed": True} if order.standing in ACKNOWLEDGED else _moved(order, body)


def _accepted(order: Order, body: events.OrderAccepted | events.OrderReplaced) -> Changes:
    """The venue has it. After a rejection it has contradicted itself, and the order stays rejected until a fill."""
    changes: Changes = {"venue_order_id": order.venue_order_id or body.venue_order_id}
    if order.standing is OrdStatus.REJECTED:
        return changes | {"disputed": True}
    standing = standing_after(order.standing, ExecType.NEW)
    return changes | {"standing": with_fills(order) if standing is OrdStatus.NEW else standing}


def with_fills(order: Order) -> OrdStatus:
    """Where an order stands that the venue has, by what its chain has filled."""
    if order.cumulative <= 0:
        return OrdStatus.NEW
    return standing_after(OrdStatus.NEW, ExecType.TRADE, whole=order.cumulative >= order.quantity)


def _triggered(order: Order, body: events.OrderTriggered) -> Changes:
    if not order.is_open:
        return {}
    if not order.waiting and body.quantity is None:
        return {"triggered": True}
    changes: Changes = {"waiting": False, "quantity": order.quantity if body.quantity is None else body.quantity}
    if order.intent.order_type == "trailing_stop" and order.stop_price is None and body.price is not None:
        changes["stop_price"] = trailed(order.intent, body.price)
    return changes


CHANGES: dict[type[Any], Callable[[Order, Any], Changes]] = {
    events.OrderSubmitted: _submitted,
    events.OrderAccepted: _accepted,
    events.OrderReplaced: _accepted,
    events.OrderTriggered: _triggered,
    events.OrderTrailed: _trailed,
    events.CancelRequested: _cancel_asked,
    events.CancelRejected: _cancel_refused,
    events.ReplaceRejected: _replace_refused,
}


def is_trade(body: events.OrderFilled) -> bool:
    """Whether a fill's numbers can be those of a trade; a price may be negative, as that of some futures is."""
    finite = body.quantity.is_finite() and body.price.is_finite() and body.fee.is_finite()
    return finite and body.quantity > 0


def repeats(known: Fill, body: events.OrderFilled) -> bool:
    """Whether a fill of a known id tells what is known."""
    return known.quantity == body.quantity and known.price == body.price


def fill_of(order: Order, body: events.OrderFilled, seq: int) -> Fill:
    """The fill that counts."""
    ended = order.standing in TERMINAL and order.standing is not OrdStatus.FILLED
    return Fill(
        fill_id=body.fill_id,
        quantity=body.quantity,
        price=body.price,
        fee=body.fee,
        fee_currency=body.fee_currency,
        seq=seq,
        traded_ns=body.traded_ns,
        liquidity=body.liquidity,
        late=body.late or ended,
    )
