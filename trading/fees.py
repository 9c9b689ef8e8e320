"""What a venue or a broker takes for a trade: a share of its value, so much a share or a contract, or tiers.

A fee is taken fill by fill, but its minimum holds for the whole order, so every fill pays the difference between
what the order owes by now and what it has paid.
"""

from __future__ import annotations

from typing import NamedTuple

from trading.costs import fee

PERCENT, PER_SHARE, PER_CONTRACT, TIERED = range(4)
TIERS = 4


class Fees(NamedTuple):
    """`rate` is basis points (PERCENT), or money a share or a contract; the `minimum` is money an order.

    `maximum` bounds an order's fee to a fraction of its value (0: no bound; it wins over the minimum, as with brokers
    that charge by the share). TIERED: basis points for `maker` and `taker`, by the value traded in the last 30 days
    from `threshold` on.
    """

    kind: int = PERCENT
    rate: float = 0.0
    minimum: float = 0.0
    maximum: float = 0.0
    threshold: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    maker: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    taker: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def fee_before_minimum(fees: Fees, price: float, quantity: float, traded: float, maker: bool) -> float:
    """The fee of one fill in money; `traded` is the value traded in the last 30 days before it."""
    if fees.kind == PERCENT:
        return fee(price, quantity, fees.rate)
    if fees.kind == TIERED:
        rate = fees.maker[0] if maker else fees.taker[0]
        for tier in range(1, TIERS):
            if 0.0 < fees.threshold[tier] <= traded:
                rate = fees.maker[tier] if maker else fees.taker[tier]
        return fee(price, quantity, rate)
    return abs(quantity) * fees.rate


def fee_to_pay(fees: Fees, fill_fee: float, due: float, paid: float, value: float) -> float:
    """What a fill pays: its own fee, or with bounds an order what the order owes by now and has not paid yet.

    `due` are the fees of all its fills before the bounds, this one's `fill_fee` included; `value` what they are worth.
    """
    if fees.minimum == 0.0 and fees.maximum == 0.0:
        return fill_fee
    owed = max(due, fees.minimum)
    if fees.maximum > 0.0:
        owed = min(owed, fees.maximum * value)
    return max(0.0, owed - paid)
