"""A trade of a strategy's, live or simulated, and where live ones come from: fills and the orders that they filled."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import Side  # noqa: TC001 - msgspec reads it at run time

if TYPE_CHECKING:
    from live_engine.events import OrderFilled, OrderIntent


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """`ts_ns` is when it happened, for a simulated one the start of its bar; `client_order_id` is then empty."""

    strategy: str
    symbol: str
    ts_ns: int
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    client_order_id: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Its strategy and symbol."""
        return self.strategy, self.symbol

    @property
    def cash(self) -> Decimal:
        """What it brought: negative for a purchase, the fee always gone."""
        value = self.quantity * self.price
        return (value if self.side == "sell" else -value) - self.fee


def exact(number: float) -> Decimal:
    """The shortest decimal that reads back as this very float, as the journal writes them."""
    return Decimal(repr(float(number)))


def trade_of(intent: OrderIntent, fill: OrderFilled) -> Trade:
    """A live fill."""
    return Trade(
        strategy=intent.strategy,
        symbol=intent.symbol,
        ts_ns=fill.traded_ns,
        side=intent.side,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        client_order_id=fill.client_order_id,
    )
