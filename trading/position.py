"""From a target to fills, and from fills to position and cash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.costs import slipped
from trading.sizing import target_quantity

if TYPE_CHECKING:
    from trading.rules import Rules


def closes_first(position: float, target: float) -> bool:
    """Whether reaching the target means to leave the present position altogether."""
    return position != 0.0 and position * target <= 0.0


def resize(rules: Rules, lot: float, position: float, equity: float, price: float, target: float) -> float:
    """The quantity to trade at a bar's `price` so that the position becomes the target's share of `equity`.

    The direction is found at that price, the size at the slipped one, so that a purchase can be paid for; where
    slippage would turn the direction round, nothing is traded.
    """
    direction = target_quantity(rules, lot, target, equity, price) - position
    fill = slipped(price, direction, rules.slippage_bps)
    quantity = target_quantity(rules, lot, target, equity, fill) - position
    if quantity * direction <= 0.0:
        return 0.0
    return quantity


def cash_after(cash: float, quantity: float, price: float, paid_fee: float) -> float:
    """Cash once a fill is settled: buying (quantity > 0) takes its value, selling gives it, the fee goes."""
    return cash - quantity * price - paid_fee
