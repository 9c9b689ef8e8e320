"""From a target exposure to a quantity that cash and lot size allow."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.costs import BPS
from trading.rules import ALL_IN_FRACTIONAL, UNITS

if TYPE_CHECKING:
    from trading.rules import Rules

# One part in 2^52 is kept back, so that a rounding error in the division never asks for more than there is.
WHOLE_EQUITY = 1.0 - 2.220446049250313e-16
# Lots are decimal steps (0.1, 0.001): a quotient this near to a whole number is that number.
LOT_TOLERANCE = 1e-9


def target_quantity(rules: Rules, lot: float, target: float, equity: float, price: float) -> float:
    """The signed quantity that a target of -1 (all short) to 1 (all long) stands for.

    `equity` is the money at hand once the present position is valued, `price` the price to be paid; the entry fee
    is set aside first. Whole lots round towards zero; UNITS takes `units` times the target however large the equity.
    """
    if target == 0.0:
        return 0.0
    side = 1.0 if target > 0.0 else -1.0
    if rules.sizing == UNITS:
        return side * math.floor(abs(target) * rules.units / lot + LOT_TOLERANCE) * lot
    if equity <= 0.0:
        return 0.0
    quantity = affordable_quantity(rules, lot, equity * abs(target), price)
    return side * quantity


def affordable_quantity(rules: Rules, lot: float, money: float, price: float) -> float:
    """What `money` buys at `price` with the fee included: whole lots, unless the sizing is fractional."""
    if money <= 0.0:
        return 0.0
    quantity = money * WHOLE_EQUITY / (price * (1.0 + rules.fee_bps / BPS))
    if rules.sizing == ALL_IN_FRACTIONAL:
        return quantity
    return math.floor(quantity / lot) * lot
