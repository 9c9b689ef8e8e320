"""What a symbol's position may come to once its working orders have filled: what limits are held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.ledger import EQUITY, LATENCY_BARS, POSITION, asked_price
from trading.order import (
    PARENT,
    PENDING_CANCEL,
    REDUCE_ONLY,
    SIDE,
    STATE,
    TARGET,
    TARGET_ORDER,
    TYPE,
    is_target,
    is_working,
    remaining,
    slots,
)

if TYPE_CHECKING:
    from trading.ledger import Numbers
    from trading.order import Book


def bound_worth(orders: Book, ledger: Numbers, price: float, without: int) -> float:
    """The position's value at `price` with all purchases filled, or with all sales, whichever is further from zero.

    Orders count at their own prices; exits, what is being cancelled at once, and the order in the slot `without`
    (0: none), do not count.
    """
    worth = ledger[POSITION] * price
    highest = lowest = worth
    for slot in slots(orders):
        exits = orders[slot + REDUCE_ONLY] != 0.0 or orders[slot + PARENT] != 0.0
        gone = orders[slot + STATE] == PENDING_CANCEL and ledger[LATENCY_BARS] == 0.0
        if slot == without or exits or gone or not is_working(orders, slot):
            continue
        if is_target(orders, slot):
            goal = orders[slot + TARGET] * (ledger[EQUITY] if orders[slot + TYPE] == TARGET_ORDER else price)
            highest, lowest = max(highest, goal), min(lowest, goal)
            continue
        asked = asked_price(orders, slot)
        value = remaining(orders, slot) * (asked if asked == asked else price)  # noqa: PLR0124 - NaN: names no price
        if orders[slot + SIDE] > 0.0:
            highest += value
        else:
            lowest -= value
    furthest: float = highest if abs(highest) >= abs(lowest) else lowest
    return furthest
