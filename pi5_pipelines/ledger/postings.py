"""Double entry: a fill as postings that add up to nothing, in units and in money.

    account    unit       amount
    units      symbol     what came to be held
    market     symbol     the same, from the other side
    cash       currency   what was received, less what was paid
    cost       currency   what the position's cost grew by (of a short one: below zero)
    realised   currency   less what was earned: an income stands on the credit side
    fees       currency   what was paid; the same leaves `cash`

Debits are positive. The cost of what is sold is its share of the average cost, rounded to COST_STEP; realised takes
what that rounding leaves, so no sum is ever rounded. This is written apart from the engine's own fold on purpose: that
both agree is what the audit proves.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live_engine.orders.exact import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pi5_pipelines.ledger.orders import Counted

ZERO = Decimal(0)
COST_STEP = Decimal("1E-18")
UNITS = ("units", "market")  # accounts that count pieces of a symbol; the others count money
Row = tuple[Any, ...]


@dataclass(slots=True)
class Holding:
    """What a strategy holds of a symbol: signed quantity and signed cost, in the currency of the first fill."""

    currency: str
    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    def deal(self, signed: Decimal, price: Decimal) -> tuple[Decimal, Decimal]:
        """Take in a signed quantity at a price; what the cost grew by, and what was earned."""
        before = self.cost
        closed = ZERO
        if self.quantity and (self.quantity > 0) != (signed > 0):
            closed = min(signed.copy_abs(), self.quantity.copy_abs()).copy_sign(self.quantity)
        freed = self.cost if closed == self.quantity else ZERO
        if closed and closed != self.quantity:
            share = EXACT.divide(EXACT.multiply(self.cost, closed), self.quantity)
            freed = share.quantize(COST_STEP, context=EXACT)
        opened = EXACT.add(signed, closed)
        earned = EXACT.subtract(EXACT.multiply(closed, price), freed)
        self.cost = EXACT.add(EXACT.subtract(self.cost, freed), EXACT.multiply(opened, price))
        self.quantity = EXACT.add(self.quantity, signed)
        return EXACT.subtract(self.cost, before), earned


@dataclass(slots=True)
class Postings:
    """Makes the rows of `ledger_postings`, going on from what is held by (strategy, symbol)."""

    journal: str
    held: dict[tuple[str, str], Holding]
    _seq: int = 0
    _line: int = 0

    def of(self, counted: Counted) -> Iterator[Row]:
        """The rows of one fill."""
        intent, fill = counted.order.intent, counted.fill
        holding = self.held.setdefault((intent.strategy, intent.symbol), Holding(intent.currency))
        signed = fill.quantity if intent.side == "buy" else fill.quantity.copy_negate()
        grown, earned = holding.deal(signed, fill.price)
        money, fee_money = holding.currency, fill.fee_currency or holding.currency
        lines = [
            ("units", intent.symbol, signed),
            ("market", intent.symbol, signed.copy_negate()),
            ("cash", money, EXACT.multiply(signed, fill.price).copy_negate()),
            ("cost", money, grown),
            ("realised", money, earned.copy_negate()),
        ]
        if fill.fee:
            lines += [("fees", fee_money, fill.fee), ("cash", fee_money, fill.fee.copy_negate())]
        for account, unit, amount in lines:
            if amount or account in ("cash", "cost"):
                self._line = self._line + 1 if counted.seq == self._seq else 1
                self._seq = counted.seq
                key = (self.journal, counted.seq, self._line, counted.moment, intent.client_order_id, fill.fill_id)
                yield (*key, intent.strategy, intent.symbol, account, unit, text(amount))


def text(number: Decimal) -> str:
    """A number with every digit of it, and none of an exponent: equal numbers give equal texts."""
    shown = f"{number:f}"
    return (shown.rstrip("0").rstrip(".") if "." in shown else shown) if number else "0"
