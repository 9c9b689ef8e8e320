"""Why an order is not taken: what an exchange's gateway would refuse at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.exposure import bound_worth
from trading.frictions import limits_of
from trading.ledger import (
    BAD_KIND,
    BAD_LOT,
    BAD_PRICE,
    BAD_QUANTITY,
    BAD_TICK,
    BOUND_COUNT,
    BOUND_GROSS,
    BOUND_NET,
    EQUITY,
    LONG_ONLY,
    LOT,
    NO_REASON,
    OVER_LIMIT,
    POSITION,
    SIZING,
    TICK,
    WOULD_OPEN,
    WOULD_SHORT,
)
from trading.matching import is_trailing
from trading.order import (
    AT_CLOSE,
    FOK,
    GTC,
    LIMIT,
    LIMIT_ORDER,
    MARKET,
    PARENT,
    QUANTITY,
    REDUCE_ONLY,
    SIDE,
    STOP,
    STOP_LIMIT,
    STOP_ORDER,
    TARGET,
    TARGET_ORDER,
    TARGET_QUANTITY,
    TIF,
    TRAIL,
    TRAILING_STOP_PERCENT,
    TYPE,
    is_target,
)
from trading.risk import NO_LIMIT, OVER_WEIGHT, WITHIN, Held, breach
from trading.rules import ALL_IN_FRACTIONAL

if TYPE_CHECKING:
    from trading.ledger import Numbers
    from trading.order import Book

MAX_WORTH = 1e15  # above it a float no longer holds the cents
STEP_TOLERANCE = 1e-6  # of a step: decimal steps are not exact in binary


def refusal(orders: Book, slot: int, ledger: Numbers, price: float) -> int:  # noqa: PLR0911 - one a reason
    """The reason (ledger.REASONS) to reject a new order, 0 for none; `price` is the last price known."""
    if not well_formed(orders, slot):
        return BAD_KIND
    if is_target(orders, slot):
        worth = abs(orders[slot + TARGET]) * (max(price, 1.0) if orders[slot + TYPE] == TARGET_QUANTITY else 1.0)
        if not worth <= MAX_WORTH:
            return BAD_QUANTITY
        return WOULD_SHORT if ledger[LONG_ONLY] != 0.0 and orders[slot + TARGET] < 0.0 else NO_REASON
    quantity = orders[slot + QUANTITY]
    if not (quantity > 0.0 and quantity * max(price, 1.0) <= MAX_WORTH):
        return BAD_QUANTITY
    if ledger[SIZING] != ALL_IN_FRACTIONAL and not on_grid(quantity, ledger[LOT]):
        return BAD_LOT
    reason = price_refusal(orders, slot, ledger)
    if reason != NO_REASON:
        return reason
    if orders[slot + PARENT] != 0.0:
        return NO_REASON
    position = ledger[POSITION]
    if orders[slot + REDUCE_ONLY] != 0.0 and position * orders[slot + SIDE] >= 0.0:
        return WOULD_OPEN
    if ledger[LONG_ONLY] != 0.0 and orders[slot + SIDE] < 0.0 and position <= 0.0:
        return WOULD_SHORT
    return NO_REASON


def is_limited(ledger: Numbers) -> bool:
    """Whether the run limits what may be held."""
    return bool(min(limits_of(ledger)) < NO_LIMIT)


def limit_refusal(orders: Book, slot: int, ledger: Numbers, price: float) -> int:
    """The reason to reject an order that would break a limit if it and all working orders filled at their prices.

    The order in `slot` counts as working already; what the other desks are bound to is in the ledger.
    """
    equity = ledger[EQUITY]
    if orders[slot + PARENT] != 0.0 or orders[slot + REDUCE_ONLY] != 0.0 or equity <= 0.0:
        return NO_REASON
    before = bound_worth(orders, ledger, price, slot) / equity
    after = bound_worth(orders, ledger, price, 0) / equity
    others = Held(ledger[BOUND_GROSS] / equity, ledger[BOUND_NET] / equity, ledger[BOUND_COUNT])
    over = breach(limits_of(ledger), others, before, after)
    return NO_REASON if over == WITHIN else OVER_LIMIT + over - OVER_WEIGHT


def well_formed(orders: Book, slot: int) -> bool:
    """Whether type, side and time in force are known ones that go together."""
    kind, tif = orders[slot + TYPE], orders[slot + TIF]
    if not (MARKET <= kind <= TARGET_QUANTITY and kind == math.floor(kind)):
        return False
    if orders[slot + SIDE] != 1.0 and orders[slot + SIDE] != -1.0:
        return False
    if not ((0.0 <= tif <= FOK and tif == math.floor(tif)) or tif == AT_CLOSE):
        return False
    # Auctions, and orders that fill at once or not at all, take no stops.
    return tif <= GTC or kind in (MARKET, LIMIT_ORDER, TARGET_ORDER, TARGET_QUANTITY)


def price_refusal(orders: Book, slot: int, ledger: Numbers) -> int:
    """What is wrong with an order's prices: a type that needs one has it, above zero and on the tick's grid."""
    kind = orders[slot + TYPE]
    if kind in (LIMIT_ORDER, STOP_LIMIT):
        if not is_price(orders[slot + LIMIT]):
            return BAD_PRICE
        if ledger[TICK] > 0.0 and not on_grid(orders[slot + LIMIT], ledger[TICK]):
            return BAD_TICK
    if kind in (STOP_ORDER, STOP_LIMIT):
        if not is_price(orders[slot + STOP]):
            return BAD_PRICE
        if ledger[TICK] > 0.0 and not on_grid(orders[slot + STOP], ledger[TICK]):
            return BAD_TICK
    if is_trailing(orders, slot) and (
        not is_price(orders[slot + TRAIL]) or (kind == TRAILING_STOP_PERCENT and orders[slot + TRAIL] >= 1.0)
    ):
        return BAD_PRICE
    return NO_REASON


def is_price(value: float) -> bool:
    """Whether a number can be a price: above zero and finite (a NaN is neither)."""
    return 0.0 < value <= MAX_WORTH


def on_grid(value: float, step: float) -> bool:
    """Whether a number is a multiple of a step, as near as binary numbers can tell."""
    steps = value / step
    return abs(steps - math.floor(steps + 0.5)) <= STEP_TOLERANCE * max(1.0, steps * 1e-6)
