"""An order as a flat row of numbers, which compiled code takes, and as a tuple with names, which people read.

The book of one symbol is one flat run of such rows. The first is the head (next id, places refused for want of room,
the last target wanted, whether a margin call is being met); every other is a slot that holds one order or, with state
EMPTY, none. A slot is named by where its row begins, so `orders[slot + LIMIT]` is its limit. Types, times in force and
states carry the numbers or the names of FIX 4.4 (tags 40, 59 and 39).
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import MutableSequence

    Book = MutableSequence[float]

NAN = float("nan")
SLOTS = 16  # working orders that one symbol may have

# Columns of an order.
(
    ID,
    STATE,
    TYPE,
    SIDE,  # 1 buys, -1 sells
    QUANTITY,  # above zero
    LIMIT,  # price, NaN: none
    STOP,  # price, NaN: none
    TRAIL,  # distance in price, or the fraction of the price with TRAILING_STOP_PERCENT; NaN: none
    TARGET,  # of a TARGET order: the exposure to reach, of a TARGET_QUANTITY order: the position
    TIF,
    REDUCE_ONLY,  # 1: may only make the position smaller
    PARENT,  # the order whose fill brings this one to life, 0: none
    GROUP,  # orders of one group cancel each other, 0: none
    WAITING,  # 1 until the parent has filled
    FILLED,  # quantity
    VALUE,  # of what has filled, quantity x price
    FEE_DUE,  # fees of the fills so far, before the order's minimum
    FEE_PAID,
    TRIGGERED,  # 1 once a stop has been reached
    EXTREME,  # best price since a trailing stop came to life
    PLACED,  # bar after which it was placed
    LIVE_FROM,  # first bar at which it can fill
    LIVE_US,  # the moment from which it can fill, UTC microseconds
    CANCEL_FROM,  # first bar at which a cancellation holds
    BLOCKED,  # step in which the bar's volume was used up
) = range(25)
ORDER_COLUMNS = 25
BOOK_LENGTH = (SLOTS + 1) * ORDER_COLUMNS

# Columns of the head.
NEXT_ID, REFUSED, WANTED, LIQUIDATING = range(4)

# Types (TRAILING and TARGET have no number in FIX).
MARKET, LIMIT_ORDER, STOP_ORDER, STOP_LIMIT, TRAILING_STOP, TRAILING_STOP_PERCENT, TARGET_ORDER, TARGET_QUANTITY = (
    range(1, 9)
)

# Times in force; AT_OPEN is FIX's "at the opening", AT_CLOSE its "at the close".
DAY, GTC, AT_OPEN, IOC, FOK = range(5)
AT_CLOSE = 7

# States.
EMPTY, PENDING_NEW, NEW, PARTIALLY_FILLED, FILLED_STATE, PENDING_CANCEL, CANCELED, REJECTED, EXPIRED = range(9)


class OrderType(IntEnum):
    """FIX OrdType (tag 40) where it has the type."""

    MARKET = MARKET
    LIMIT = LIMIT_ORDER
    STOP = STOP_ORDER
    STOP_LIMIT = STOP_LIMIT
    TRAILING_STOP = TRAILING_STOP
    TRAILING_STOP_PERCENT = TRAILING_STOP_PERCENT
    TARGET = TARGET_ORDER
    TARGET_QUANTITY = TARGET_QUANTITY


class TimeInForce(IntEnum):
    """FIX TimeInForce (tag 59)."""

    DAY = DAY
    GTC = GTC
    AT_OPEN = AT_OPEN
    IOC = IOC
    FOK = FOK
    AT_CLOSE = AT_CLOSE


class OrderStatus(IntEnum):
    """States by their names in FIX OrdStatus (tag 39); EMPTY marks a slot without an order."""

    EMPTY = EMPTY
    PENDING_NEW = PENDING_NEW
    NEW = NEW
    PARTIALLY_FILLED = PARTIALLY_FILLED
    FILLED = FILLED_STATE
    PENDING_CANCEL = PENDING_CANCEL
    CANCELED = CANCELED
    REJECTED = REJECTED
    EXPIRED = EXPIRED


class Order(NamedTuple):
    """What of an order's row people care about; prices are NaN where the type has none."""

    id: int
    state: OrderStatus
    type: OrderType
    side: int
    quantity: float
    limit: float
    stop: float
    trail: float
    time_in_force: TimeInForce
    reduce_only: bool
    parent: int
    group: int
    filled: float
    average_price: float


def order_of(orders: Book, slot: int) -> Order:
    """The readable form of a slot that holds an order."""
    return Order(
        id=int(orders[slot + ID]),
        state=OrderStatus(int(orders[slot + STATE])),
        type=OrderType(int(orders[slot + TYPE])),
        side=int(orders[slot + SIDE]),
        quantity=orders[slot + QUANTITY],
        limit=orders[slot + LIMIT],
        stop=orders[slot + STOP],
        trail=orders[slot + TRAIL],
        time_in_force=TimeInForce(int(orders[slot + TIF])),
        reduce_only=orders[slot + REDUCE_ONLY] != 0.0,
        parent=int(orders[slot + PARENT]),
        group=int(orders[slot + GROUP]),
        filled=orders[slot + FILLED],
        average_price=orders[slot + VALUE] / orders[slot + FILLED] if orders[slot + FILLED] > 0.0 else NAN,
    )


def empty_book() -> list[float]:
    """A book without orders: the head and SLOTS empty slots."""
    book = [0.0] * BOOK_LENGTH
    book[NEXT_ID] = 1.0
    return book


def slots(orders: Book) -> range:
    """Where each slot begins."""
    return range(ORDER_COLUMNS, len(orders), ORDER_COLUMNS)


def is_target(orders: Book, slot: int) -> bool:
    """Whether a slot's order names where the position is to be, rather than how much to trade."""
    return orders[slot + TYPE] == TARGET_ORDER or orders[slot + TYPE] == TARGET_QUANTITY


def is_working(orders: Book, slot: int) -> bool:
    """Whether a slot's order has been accepted and may still fill."""
    return orders[slot + STATE] in (NEW, PARTIALLY_FILLED, PENDING_CANCEL)


def remaining(orders: Book, slot: int) -> float:
    """What of an order's quantity has not filled yet."""
    left = orders[slot + QUANTITY] - orders[slot + FILLED]
    return max(0.0, left)


def find_order(orders: Book, order_id: float) -> int:
    """The slot of an order by its id; 0 when the book does not hold it (any more)."""
    if order_id > 0.0:
        for slot in slots(orders):
            if orders[slot + STATE] != EMPTY and orders[slot + ID] == order_id:
                return slot
    return 0
