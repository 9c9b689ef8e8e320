"""What is held and what was earned, as the fold of fills.

Cost basis is the average: a fill that adds brings its value to the cost, one that reduces takes the same share of the
cost as of the quantity, and a fill through zero closes first and opens the rest at its own price. The share is rounded
to COST_STEP; what it takes becomes realised P&L, so that to the last digit, per symbol,

    paid = cost - realised

where `paid` is what left the cash for it before fees, and the cost of a short position is negative.
Only the split between realised and open is rounded, never the sum. Fees are kept apart from realised P&L.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.orders.exact import EXACT, ZERO, minus, over, plus, times

if TYPE_CHECKING:
    from live_engine.events import Side
    from live_engine.orders.order import Fill

COST_STEP = Decimal("1E-18")


class Position(msgspec.Struct, frozen=True, omit_defaults=True):
    """One symbol: signed quantity, its signed cost, what is realised, and fees in its currency."""

    symbol: str
    currency: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO

    @property
    def average_price(self) -> Decimal | None:
        """What a unit of it cost; None when nothing is held."""
        return over(self.cost, self.quantity) if self.quantity else None

    def unrealised(self, price: Decimal) -> Decimal:
        """What closing it at `price` would earn before fees."""
        return minus(times(self.quantity, price), self.cost)


def after_trade(position: Position, quantity: Decimal, price: Decimal) -> Position:
    """The position after a signed quantity was dealt at a price."""
    held = position.quantity
    closing = ZERO
    if held and (held > 0) != (quantity > 0):
        closing = quantity if quantity.copy_abs() <= held.copy_abs() else held.copy_negate()
    opening = minus(quantity, closing)
    gone = closing.copy_negate()
    freed = _share(position.cost, gone, held) if gone else ZERO
    return msgspec.structs.replace(
        position,
        quantity=plus(held, quantity),
        cost=plus(minus(position.cost, freed), times(opening, price)),
        realised=plus(position.realised, minus(times(gone, price), freed)),
    )


def _share(cost: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The cost of a part; of the whole it is all of it, without rounding."""
    if part == whole:
        return cost
    return over(times(cost, part), whole).quantize(COST_STEP, context=EXACT)


class Positions:
    """Positions by symbol and the flow of cash by currency, which begins at zero: deposits are not fills."""

    def __init__(self) -> None:
        self.by_symbol: dict[str, Position] = {}
        self.cash: dict[str, Decimal] = {}

    def quantity(self, symbol: str) -> Decimal:
        """The signed quantity held."""
        position = self.by_symbol.get(symbol)
        return position.quantity if position else ZERO

    def add(self, symbol: str, currency: str, side: Side, fill: Fill) -> None:
        """Count a fill. A fee in another currency leaves that currency's cash, and not the symbol's fees."""
        signed = fill.quantity if side == "buy" else fill.quantity.copy_negate()
        position = after_trade(self.by_symbol.get(symbol) or Position(symbol, currency), signed, fill.price)
        fee_currency = fill.fee_currency or position.currency
        if fee_currency == position.currency:
            position = msgspec.structs.replace(position, fees=plus(position.fees, fill.fee))
        self.by_symbol[symbol] = position
        self._pay(position.currency, times(signed, fill.price))
        self._pay(fee_currency, fill.fee)

    def _pay(self, currency: str, amount: Decimal) -> None:
        self.cash[currency] = minus(self.cash.get(currency, ZERO), amount)
