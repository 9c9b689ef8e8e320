"""What is to be done next about orders that depend on each other: brackets, siblings, exits without position.

The answer is read off the book's state alone, so it is the same after a restart: an event lost between a fill and its
consequence is asked for again, and what has been written down is not asked for twice. The meaning is trading/
contingency.py's: an exit waits for its entry and is as large as what of that has filled; a fill of one order of a group
is taken off its siblings that only reduce and cancels the others; once an exit fills, what of the entry has not filled
is cancelled; an exit whose position is gone is cancelled.

An order held here is ended by us (OrderCanceled), for one that was sent a cancellation is asked for (CancelRequested),
and one whose size must change is replaced (OrderIntent with `replaces`; its id is the chain's first with a colon and a
number).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.events import Body, CancelRequested, OrderCanceled, OrderExpired, OrderIntent, OrderTriggered
from live_engine.orders.exact import ZERO, minus, plus
from live_engine.orders.status import ACKNOWLEDGED, OrdStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from decimal import Decimal

    from live_engine.orders.book import OrderBook
    from live_engine.orders.order import Order

ACTOR = "contingency"
ASKS = 3  # cancellations of one order; a venue that has refused so many is a matter for reconciliation
PARENT_GONE = "its entry has ended without a fill"
SIBLING = "an order of its group has filled"
EXITS_BEGUN = "its exits have begun to fill"
POSITION_CLOSED = "there is no position left to reduce"
SESSION_CLOSED = "the session has closed"
CANCELED_BEFORE = "it took the place of an order that was to be cancelled"


def consequences(book: OrderBook, body: Body) -> tuple[Body, ...]:
    """What is to be written down because of an event that the book has just taken in."""
    order = book.orders.get(getattr(body, "client_order_id", ""))
    if order is None or (_stands_alone(book, order) and not book.reducing(order.intent.symbol)):
        return ()
    concerned = book.family.relatives(order.intent)
    concerned.update(other.id for other in book.reducing(order.intent.symbol))
    known = [book.orders[one] for one in concerned if one in book.orders]
    return tuple(_steps(book, sorted(known, key=lambda one: one.seq)))


def _stands_alone(book: OrderBook, order: Order) -> bool:
    """Whether nothing that happens to an order can ask anything of it or of a relative: most orders are so."""
    intent = order.intent
    return not intent.reduce_only and order.quantity == intent.quantity and book.family.is_alone(intent)


def outstanding(book: OrderBook) -> tuple[Body, ...]:
    """What is to be written down now, whatever led to it: at start-up, before anything else is done."""
    return tuple(_steps(book, book.open_orders()))


def _steps(book: OrderBook, orders: Iterable[Order]) -> Iterator[Body]:
    for order in orders:
        step = next_step(book, order)
        if step is not None:
            yield step


def next_step(book: OrderBook, order: Order) -> Body | None:
    """What one order needs now: an end, life, another size; None when it is as it should be."""
    if not order.is_open or order.cancel_asked:
        return None
    reason = why_gone(book, order)
    if reason:
        if order.cancels_refused >= ASKS:
            return None
        return cancel(order, reason)
    size = right_size(book, order)
    if size <= order.cumulative or (size == order.quantity and not order.waiting):
        return None
    if order.waiting or order.is_held:
        return OrderTriggered(client_order_id=order.id, price=_entry_price(book, order), quantity=size)
    return _resized(book, order, size)


def at_session_close(book: OrderBook, symbols: Collection[str]) -> tuple[Body, ...]:
    """The ends of the `day` orders of symbols whose session has closed.

    An order held here expires; the venue is asked to cancel any other, and may answer that it has expired. An exit that
    waits for its entry has not begun its day.
    """
    found: list[Body] = []
    for symbol in symbols:
        for order in book.open_orders(symbol):
            if order.intent.time_in_force != "day" or order.waiting or order.cancel_asked:
                continue
            if order.is_held:
                found.append(OrderExpired(client_order_id=order.id, reason=SESSION_CLOSED))
            else:
                found.append(CancelRequested(client_order_id=order.id, actor=ACTOR, reason=SESSION_CLOSED))
    return tuple(found)


def cancel(order: Order, reason: str, actor: str = ACTOR) -> Body:
    """The end of an order that nobody has been sent, a request to cancel any other."""
    if order.is_held:
        return OrderCanceled(client_order_id=order.id, reason=reason)
    return CancelRequested(client_order_id=order.id, actor=actor, reason=reason)


def why_gone(book: OrderBook, order: Order) -> str:
    """Why an order has no right to work any more; empty when it has."""
    old = book.orders.get(order.intent.replaces)
    if old is not None and old.standing is OrdStatus.REPLACED and old.cancel_asked:
        return CANCELED_BEFORE
    if order.waiting:
        entry = book.chain(order.intent.parent)
        if not any(one.is_open or one.filled for one in entry):
            return PARENT_GONE
    if any(child.filled for child in book.children(order.id)):
        return EXITS_BEGUN
    taken = filled_by_siblings(book, order)
    if taken and (not order.intent.reduce_only or right_size(book, order) <= book.chain_filled(order.id)):
        return SIBLING
    if order.intent.reduce_only and not order.waiting:
        held = book.positions.quantity(order.intent.symbol)
        if held >= 0 if order.intent.side == "buy" else held <= 0:
            return POSITION_CLOSED
    return ""


def right_size(book: OrderBook, order: Order) -> Decimal:
    """The quantity that an order should have: what was asked for, within its entry's fills, less its siblings'."""
    size = asked_quantity(book, order)
    if order.intent.parent:
        size = min(size, book.chain_filled(order.intent.parent))
    if order.intent.reduce_only:
        size = max(ZERO, minus(size, filled_by_siblings(book, order)))
    return size


def asked_quantity(book: OrderBook, order: Order) -> Decimal:
    """What was last asked for by somebody other than this module."""
    while order.intent.actor == ACTOR and order.intent.replaces in book.orders:
        order = book.orders[order.intent.replaces]
    return order.intent.quantity


def filled_by_siblings(book: OrderBook, order: Order) -> Decimal:
    """What the other orders of its group have filled since the order, or the first of its chain, was placed.

    Of exits of the same entry all counts: what one has sold before the other came is not there to be sold again.
    """
    own = book.chain(order.id)
    total = ZERO
    for other in book.group(order.intent.group):
        if other not in own:
            since = -1 if _share_entry(book, order, other) else own[0].seq
            for fill in book.fills[other.id].values():
                if fill.seq > since:
                    total = plus(total, fill.quantity)
    return total


def _share_entry(book: OrderBook, one: Order, other: Order) -> bool:
    parent, its = one.intent.parent, other.intent.parent
    return bool(parent and its) and book.family.root(parent) == book.family.root(its)


def _entry_price(book: OrderBook, order: Order) -> Decimal | None:
    """The price of the entry's last fill: where a trailing exit begins to measure."""
    fills = [fill for one in book.chain(order.intent.parent) for fill in book.fills[one.id].values()]
    return max(fills, key=lambda fill: fill.seq).price if fills else None


def _resized(book: OrderBook, order: Order, size: Decimal) -> OrderIntent | None:
    """A replacement of another size, once the venue has acknowledged the order and unless it refused that size."""
    chain = book.chain(order.id)
    successors = [book.orders[one] for one in book.family.successors(order.id) if one in book.orders]
    if order.standing not in ACKNOWLEDGED:
        return None
    if any(one.is_open or (one.intent.actor == ACTOR and one.intent.quantity == size) for one in successors):
        return None
    return msgspec.structs.replace(
        order.intent,
        client_order_id=f"{chain[0].id.partition(':')[0]}:{len(chain)}",
        quantity=size,
        replaces=order.id,
        actor=ACTOR,
    )
