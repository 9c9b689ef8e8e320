"""What a trade costs beyond its price: slippage moves the fill, the fee is taken from cash."""

from __future__ import annotations

BPS = 10_000.0


def slipped(price: float, quantity: float, slippage_bps: float) -> float:
    """The fill price: buyers (quantity > 0) pay `slippage_bps` of the price more, sellers get as much less."""
    if quantity > 0.0:
        return price * (1.0 + slippage_bps / BPS)
    return price * (1.0 - slippage_bps / BPS)


def fee(price: float, quantity: float, fee_bps: float) -> float:
    """The fee in money for one side of a trade: `fee_bps` of the value traded."""
    return abs(price * quantity) * fee_bps / BPS
