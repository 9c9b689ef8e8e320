"""What one order's end or fill means to the others: exits wake with their entry, siblings cancel each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.ledger import (
    CANCELED_EVENT,
    PARENT_GONE,
    POSITION,
    POSITION_CLOSED,
    SIBLING,
    Desk,
    asked_price,
    write_event,
)
from trading.order import (
    EMPTY,
    EXTREME,
    FILLED,
    GROUP,
    ID,
    LIVE_FROM,
    LIVE_US,
    PARENT,
    PARTIALLY_FILLED,
    PENDING_CANCEL,
    QUANTITY,
    REDUCE_ONLY,
    STATE,
    WAITING,
    find_order,
    remaining,
    slots,
)

if TYPE_CHECKING:
    from trading.order import Book


def clear(desk: Desk, slot: int) -> None:
    """Free a slot."""
    desk.orders[slot + STATE] = EMPTY


def drop(desk: Desk, i: int, slot: int, kind: int, reason: int) -> None:
    """End an order that has not filled whole, write it down, and end the exits that still wait for it."""
    orders = desk.orders
    ended = orders[slot + ID]
    write_event(desk, i, slot, kind, reason, remaining(orders, slot), asked_price(orders, slot))
    clear(desk, slot)
    for k in slots(desk.orders):
        if orders[k + STATE] != EMPTY and orders[k + PARENT] == ended and orders[k + WAITING] != 0.0:
            write_event(desk, i, k, CANCELED_EVENT, PARENT_GONE, remaining(orders, k), asked_price(orders, k))
            clear(desk, k)


def drop_all(desk: Desk, i: int, reason: int) -> None:
    """End every order of the book."""
    for slot in slots(desk.orders):
        if desk.orders[slot + STATE] != EMPTY:
            drop(desk, i, slot, CANCELED_EVENT, reason)


def after_fill(desk: Desk, i: int, slot: int, quantity: float, price: float) -> None:
    """Carry a fill on: wake its exits, take it off its siblings, and end what has nothing left to reduce."""
    orders = desk.orders
    if orders[slot + STATE] != PENDING_CANCEL:
        orders[slot + STATE] = PARTIALLY_FILLED
    for k in slots(orders):
        if k == slot or orders[k + STATE] == EMPTY:
            continue
        if orders[k + PARENT] == orders[slot + ID] and orders[k + WAITING] != 0.0:
            wake(orders, k, i, price)
        elif orders[slot + GROUP] != 0.0 and orders[k + GROUP] == orders[slot + GROUP]:
            release(desk, i, k, quantity)
    entry = find_order(desk.orders, orders[slot + PARENT])
    if entry > 0:
        # Its exits have begun: what of the entry has not filled would come in without them.
        drop(desk, i, entry, CANCELED_EVENT, SIBLING)
    if desk.ledger[POSITION] == 0.0:
        for k in slots(orders):
            works = orders[k + STATE] != EMPTY and orders[k + WAITING] == 0.0
            if k != slot and works and orders[k + REDUCE_ONLY] != 0.0:
                drop(desk, i, k, CANCELED_EVENT, POSITION_CLOSED)


def wake(orders: Book, slot: int, i: int, price: float) -> None:
    """Let an exit work from now on; a trailing one measures from the entry's fill."""
    orders[slot + WAITING] = 0.0
    orders[slot + LIVE_FROM] = i
    orders[slot + LIVE_US] = 0.0
    orders[slot + EXTREME] = price


def release(desk: Desk, i: int, slot: int, quantity: float) -> None:
    """Take a sibling's fill off an exit, and cancel it when nothing is left; any other sibling is cancelled at once.

    These are "one updates the other" and "one cancels the other" of FIX ContingencyType (tag 1385).
    """
    orders = desk.orders
    if orders[slot + REDUCE_ONLY] != 0.0:
        orders[slot + QUANTITY] = max(orders[slot + FILLED], orders[slot + QUANTITY] - quantity)
    if orders[slot + REDUCE_ONLY] == 0.0 or orders[slot + QUANTITY] <= orders[slot + FILLED]:
        drop(desk, i, slot, CANCELED_EVENT, SIBLING)
