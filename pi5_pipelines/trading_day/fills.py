"""A day's fills, each held against the price at which its order was decided on."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import Side  # noqa: TC001 - msgspec reads it at run time

if TYPE_CHECKING:
    from live_engine.events import Event, OrderFilled, OrderIntent

BPS = Decimal(10_000)


class DayFill(msgspec.Struct, frozen=True, kw_only=True):
    """`slippage` is money lost against the decision price, below zero money won; `slippage_bps` its share of the value.

    Of a stop it includes the way to the stop. Both are None where the order has no decision price. `strategy` is empty
    for an order of a person's.
    """

    wall_ns: int
    client_order_id: str
    strategy: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    currency: str
    fee_currency: str
    late: bool
    decision_price: Decimal | None
    slippage: Decimal | None
    slippage_bps: float | None

    @property
    def signed(self) -> Decimal:
        """The quantity, below zero for a sale."""
        return self.quantity if self.side == "buy" else -self.quantity


def day_fill(intent: OrderIntent, body: OrderFilled, event: Event) -> DayFill:
    """A fill of an order."""
    decided = intent.decision_price
    slippage = bps = None
    if decided:
        worse = body.price - decided if intent.side == "buy" else decided - body.price
        slippage, bps = worse * body.quantity, float(worse / decided * BPS)
    return DayFill(
        wall_ns=event.wall_ns,
        client_order_id=intent.client_order_id,
        strategy=intent.strategy,
        symbol=intent.symbol,
        side=intent.side,
        quantity=body.quantity,
        price=body.price,
        fee=body.fee,
        currency=intent.currency,
        fee_currency=body.fee_currency or intent.currency,
        late=body.late,
        decision_price=decided,
        slippage=slippage,
        slippage_bps=bps,
    )
