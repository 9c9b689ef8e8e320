"""How much of an order the account's equity carries, and when it no longer carries the position."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.ledger import CASH, INITIAL_MARGIN, LOT, MAINTENANCE_MARGIN, POSITION, SIZING
from trading.rules import ALL_IN_FRACTIONAL

if TYPE_CHECKING:
    from trading.ledger import Numbers

TOLERANCE = 1e-9  # parts of equity: sizing leaves nothing over, so rounding must not refuse it


def whole_lots(ledger: Numbers, quantity: float) -> float:
    """The quantity in whole lots, rounded down; as it is where sizing allows fractions."""
    if ledger[SIZING] == ALL_IN_FRACTIONAL:
        return quantity
    lot: float = ledger[LOT]
    return math.floor(quantity / lot + TOLERANCE) * lot


def covered_quantity(ledger: Numbers, side: float, quantity: float, price: float, fee: float) -> float:
    """The part of `quantity` that equity covers once it is paid for at `price` with `fee`; closing is always covered.

    The position after the trade, valued at its price, times the initial margin must not exceed the equity after it.
    """
    initial, position = ledger[INITIAL_MARGIN], ledger[POSITION]
    after = position + side * quantity
    if initial <= 0.0 or (abs(after) <= abs(position) and after * position >= 0.0):
        return quantity
    equity = ledger[CASH] + position * price - fee
    if equity * (1.0 + TOLERANCE) >= initial * abs(after) * price:
        return quantity
    largest = whole_lots(ledger, max(0.0, equity) / (initial * price))
    allowed: float = max(0.0, -side * position, largest - side * position)
    return min(quantity, allowed)


def margin_is_short(ledger: Numbers, price: float) -> bool:
    """Whether equity at `price` has fallen below the maintenance margin of the position."""
    worth = abs(ledger[POSITION]) * price
    return bool(worth > 0.0 and ledger[CASH] + ledger[POSITION] * price < ledger[MAINTENANCE_MARGIN] * worth)
