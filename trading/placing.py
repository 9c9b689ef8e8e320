"""How a strategy places and cancels orders: it writes rows into its book, and whoever runs it takes them from there.

Every function answers the order's id, 0 when the book had no free slot: such a place is counted in the head and
reported as rejected. Orders hold good till cancelled unless another time in force is given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.order import (
    EMPTY,
    FILLED,
    GROUP,
    GTC,
    ID,
    LIMIT,
    LIMIT_ORDER,
    MARKET,
    NAN,
    NEXT_ID,
    ORDER_COLUMNS,
    PARENT,
    PENDING_CANCEL,
    PENDING_NEW,
    QUANTITY,
    REDUCE_ONLY,
    REFUSED,
    SIDE,
    STATE,
    STOP,
    STOP_LIMIT,
    STOP_ORDER,
    TARGET,
    TARGET_ORDER,
    TARGET_QUANTITY,
    TIF,
    TRAIL,
    TRAILING_STOP,
    TRAILING_STOP_PERCENT,
    TYPE,
    WAITING,
    find_order,
    slots,
)

if TYPE_CHECKING:
    from trading.order import Book


def place(orders: Book, kind: int, side: float, quantity: float, tif: int = GTC) -> int:
    """Put an order without prices into a free slot; answers the slot, 0 when there is none."""
    for slot in slots(orders):
        if orders[slot + STATE] == EMPTY:
            for column in range(ORDER_COLUMNS):
                orders[slot + column] = 0.0
            orders[slot + ID] = orders[NEXT_ID]
            orders[NEXT_ID] += 1.0
            orders[slot + STATE] = PENDING_NEW
            orders[slot + TYPE] = kind
            orders[slot + SIDE] = side
            orders[slot + QUANTITY] = quantity
            orders[slot + TIF] = tif
            orders[slot + LIMIT] = NAN
            orders[slot + STOP] = NAN
            orders[slot + TRAIL] = NAN
            return slot
    orders[REFUSED] += 1.0
    return 0


def id_in(orders: Book, slot: int) -> int:
    """The id of the order in a slot, 0 for slot 0."""
    return int(orders[slot + ID]) if slot > 0 else 0


def place_market(orders: Book, side: float, quantity: float, tif: int = GTC, reduce_only: float = 0.0) -> int:
    """Trade `quantity` at the next price."""
    slot = place(orders, MARKET, side, quantity, tif)
    if slot > 0:
        orders[slot + REDUCE_ONLY] = reduce_only
    return id_in(orders, slot)


def place_limit(
    orders: Book, side: float, quantity: float, limit: float, tif: int = GTC, reduce_only: float = 0.0
) -> int:
    """Trade at `limit` or better."""
    slot = place(orders, LIMIT_ORDER, side, quantity, tif)
    if slot > 0:
        orders[slot + LIMIT] = limit
        orders[slot + REDUCE_ONLY] = reduce_only
    return id_in(orders, slot)


def place_stop(
    orders: Book, side: float, quantity: float, stop: float, tif: int = GTC, reduce_only: float = 0.0
) -> int:
    """Trade at the next price once `stop` is reached or passed."""
    slot = place(orders, STOP_ORDER, side, quantity, tif)
    if slot > 0:
        orders[slot + STOP] = stop
        orders[slot + REDUCE_ONLY] = reduce_only
    return id_in(orders, slot)


def place_stop_limit(orders: Book, side: float, quantity: float, stop: float, limit: float, tif: int = GTC) -> int:
    """Become a limit order at `limit` once `stop` is reached or passed."""
    slot = place(orders, STOP_LIMIT, side, quantity, tif)
    if slot > 0:
        orders[slot + STOP] = stop
        orders[slot + LIMIT] = limit
    return id_in(orders, slot)


def place_trailing(orders: Book, side: float, quantity: float, trail: float, percent: float = 0.0) -> int:
    """Leave the position once the price has come back by `trail` from its best since now.

    `trail` is a distance in price, or with `percent` 1 a fraction of the best price. Such an order only reduces.
    """
    slot = place(orders, TRAILING_STOP_PERCENT if percent != 0.0 else TRAILING_STOP, side, quantity)
    if slot > 0:
        orders[slot + TRAIL] = trail
        orders[slot + REDUCE_ONLY] = 1.0
    return id_in(orders, slot)


def place_target(orders: Book, exposure: float, tif: int = GTC) -> int:
    """Bring the position to an exposure of -1 to 1 at the next price; the quantity is found at that price."""
    slot = place(orders, TARGET_ORDER, 1.0, 0.0, tif)
    if slot > 0:
        orders[slot + TARGET] = exposure
    return id_in(orders, slot)


def place_target_quantity(orders: Book, quantity: float, tif: int = GTC) -> int:
    """Bring the position to a signed quantity, in whole lots, at the next price; its other side is left first."""
    slot = place(orders, TARGET_QUANTITY, 1.0, 0.0, tif)
    if slot > 0:
        orders[slot + TARGET] = quantity
    return id_in(orders, slot)


def attach(orders: Book, entry: int, slot: int) -> int:
    """Make the order in `slot` an exit of order `entry`: it wakes with its fill, and cancels its siblings."""
    if slot > 0:
        orders[slot + PARENT] = entry
        orders[slot + GROUP] = entry
        orders[slot + WAITING] = 1.0
        orders[slot + REDUCE_ONLY] = 1.0
    return id_in(orders, slot)


def attach_target(orders: Book, entry: int, limit: float) -> int:
    """Take profit of order `entry` at `limit`."""
    parent = find_order(orders, entry)
    if parent == 0:
        return 0
    slot = place(orders, LIMIT_ORDER, -orders[parent + SIDE], orders[parent + QUANTITY])
    if slot > 0:
        orders[slot + LIMIT] = limit
    return attach(orders, entry, slot)


def attach_stop(orders: Book, entry: int, stop: float) -> int:
    """Stop the loss of order `entry` at `stop`."""
    parent = find_order(orders, entry)
    if parent == 0:
        return 0
    slot = place(orders, STOP_ORDER, -orders[parent + SIDE], orders[parent + QUANTITY])
    if slot > 0:
        orders[slot + STOP] = stop
    return attach(orders, entry, slot)


def attach_trailing(orders: Book, entry: int, trail: float, percent: float = 0.0) -> int:
    """Let a trailing stop follow the fill of order `entry` (`trail` and `percent` as in place_trailing)."""
    parent = find_order(orders, entry)
    if parent == 0:
        return 0
    kind = TRAILING_STOP_PERCENT if percent != 0.0 else TRAILING_STOP
    slot = place(orders, kind, -orders[parent + SIDE], orders[parent + QUANTITY])
    if slot > 0:
        orders[slot + TRAIL] = trail
    return attach(orders, entry, slot)


def join(orders: Book, group: int, order_id: int) -> None:
    """Put an order into a group, named by the id of any order of it: one that fills cancels the others."""
    slot, first = find_order(orders, order_id), find_order(orders, group)
    if slot > 0 and first > 0:
        orders[slot + GROUP] = group
        orders[first + GROUP] = group


def cancel(orders: Book, order_id: float) -> None:
    """Ask for an order's cancellation; until it holds, the order may still fill."""
    slot = find_order(orders, order_id)
    if slot > 0:
        orders[slot + STATE] = PENDING_CANCEL


def cancel_all(orders: Book) -> None:
    """Ask for the cancellation of every order."""
    for slot in slots(orders):
        if orders[slot + STATE] != EMPTY:
            orders[slot + STATE] = PENDING_CANCEL


def working_count(orders: Book) -> int:
    """How many orders the book holds, those that wait for a parent included."""
    count = 0
    for slot in slots(orders):
        if orders[slot + STATE] != EMPTY:
            count += 1
    return count


def entries_working(orders: Book) -> int:
    """How many orders of the book could still open or enlarge a position."""
    count = 0
    for slot in slots(orders):
        if (
            orders[slot + STATE] != EMPTY
            and orders[slot + REDUCE_ONLY] == 0.0
            and orders[slot + FILLED] < orders[slot + QUANTITY]
        ):
            count += 1
    return count
