"""What is traded: how its prices are quoted, stored and rounded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from trading.errors import InstrumentError

MAX_SCALE = 12
PRICE_SCALE = 4  # what a price of shares needs at most: a sixteenth of a dollar, a hundredth of a cent


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable symbol.

    `price_scale` and `size_scale` are decimal places of the scaled integers at rest (price x 10^price_scale);
    `tick_size` and `lot` are the smallest steps of price and quantity; `calendar` is an exchange-calendars name.
    """

    symbol: str
    tick_size: Decimal = Decimal("0.01")
    price_scale: int = PRICE_SCALE
    size_scale: int = 0
    lot: Decimal = Decimal(1)
    currency: str = "USD"
    calendar: str = "XNYS"
    venue: str = "NYSE"

    def __post_init__(self) -> None:
        if self.tick_size <= 0 or self.lot <= 0:
            raise InstrumentError(self.symbol, "tick_size and lot must be greater than zero")
        if not 0 <= self.price_scale <= MAX_SCALE or not 0 <= self.size_scale <= MAX_SCALE:
            raise InstrumentError(self.symbol, f"price_scale and size_scale must lie between 0 and {MAX_SCALE}")
        if places(self.tick_size) > self.price_scale:
            raise InstrumentError(self.symbol, f"price_scale {self.price_scale} cannot hold ticks of {self.tick_size}")

    def scaled_price(self, price: Decimal) -> int:
        """The integer at rest of a price; raises InstrumentError when the scale would lose digits."""
        scaled = price.scaleb(self.price_scale)
        whole = scaled.to_integral_value(rounding=ROUND_HALF_EVEN)
        if scaled != whole:
            raise InstrumentError(self.symbol, f"price {price} needs more than {self.price_scale} decimals")
        return int(whole)

    def price(self, scaled: int) -> Decimal:
        """The price that a scaled integer stands for."""
        return Decimal(scaled).scaleb(-self.price_scale)


def places(step: Decimal) -> int:
    """The decimal places that a tick or a lot has."""
    exponent = step.as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0
