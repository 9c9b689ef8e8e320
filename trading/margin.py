"""How much of an order the account's equity carries, and when it no longer carries the position."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.frictions import rules_of
from trading.ledger import CASH, CASH_ONLY, INITIAL_MARGIN, LOT, OTHERS_GROSS, OTHERS_WORTH, POSITION, SIZING
from trading.rules import ALL_IN_FRACTIONAL
from trading.sizing import affordable_quantity

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

    The position after the trade, valued at its price, and all others of the account, times the initial margin, must
    not exceed the equity after it. Where only cash counts, it must pay for a purchase that does not end the position.
    """
    initial, position = ledger[INITIAL_MARGIN], ledger[POSITION]
    after = position + side * quantity
    if ledger[CASH_ONLY] != 0.0:
        return paid_quantity(ledger, quantity, price, fee) if side > 0.0 and after != 0.0 else quantity
    if initial <= 0.0 or (abs(after) <= abs(position) and after * position >= 0.0):
        return quantity
    equity = ledger[CASH] + position * price - fee + ledger[OTHERS_WORTH]
    others = initial * ledger[OTHERS_GROSS]
    if equity * (1.0 + TOLERANCE) >= initial * abs(after) * price + others:
        return quantity
    largest = whole_lots(ledger, max(0.0, equity - others) / (initial * price))
    allowed: float = max(0.0, -side * position, largest - side * position)
    return min(quantity, allowed)


def paid_quantity(ledger: Numbers, quantity: float, price: float, fee: float) -> float:
    """The part of a purchase that the cash there is pays for, with its fee."""
    rules = rules_of(ledger)
    set_aside = 0.0 if rules.fee_bps > 0.0 else fee  # a fee in basis points is reckoned with the quantity
    return min(quantity, affordable_quantity(rules, ledger[LOT], ledger[CASH] - set_aside, price))


def margin_is_short(equity: float, gross: float, maintenance: float) -> bool:
    """Whether equity has fallen below the maintenance margin of positions worth `gross`, whatever their side."""
    return bool(gross > 0.0 and equity < maintenance * gross)
