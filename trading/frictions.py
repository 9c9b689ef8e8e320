"""All that stands between an order and its fill: as one bundle, and as the row of numbers that a ledger holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trading.fees import Fees
from trading.ledger import (
    CARRY_PARTS,
    CLOSE_AT_END,
    FEE_BPS,
    FEE_KIND,
    FEE_MAKER,
    FEE_MAXIMUM,
    FEE_MINIMUM,
    FEE_RATE,
    FEE_TAKER,
    FEE_THRESHOLD,
    FILL_AT,
    LIMIT_PARTS,
    LONG_ONLY,
    SIZING,
    SLIPPAGE_BPS,
    SLIPPAGE_PARTS,
    UNITS,
)
from trading.risk import Limits
from trading.rules import Rules
from trading.slippage import Slippage

if TYPE_CHECKING:
    from trading.ledger import Numbers


class Carry(NamedTuple):
    """What it costs or brings to hold a position or cash, as fractions: `funding` for 8 hours, all others a year.

    `borrow` is paid on the value of a short position, `interest` is earned on cash that is free, `debit` paid on cash
    that is owed.
    """

    borrow: float = 0.0
    funding: float = 0.0
    interest: float = 0.0
    debit: float = 0.0


class Margin(NamedTuple):
    """Equity that a position needs, as fractions of its value: `initial` to enlarge it, `maintenance` to keep it.

    An `initial` of 0 asks nothing. `leverage` is the exposure, in parts of equity, that a full target stands for.
    With `cash_only` it is not equity that must cover a purchase, but cash, the proceeds of short sales included.
    """

    initial: float = 0.0
    maintenance: float = 0.0
    leverage: float = 1.0
    cash_only: bool = False


class Frictions(NamedTuple):
    """`lot` and `tick` (0: any price) of the instrument, costs, carry, margin, limits, and how late an order arrives.

    `daily` says that every bar is a session of its own; `latency_bars` and `latency_us` (microseconds) delay orders
    and cancellations.
    """

    rules: Rules = Rules()
    lot: float = 1.0
    tick: float = 0.0
    daily: bool = True
    latency_bars: int = 0
    latency_us: float = 0.0
    fees: Fees = Fees()
    slippage: Slippage = Slippage()
    carry: Carry = Carry()
    margin: Margin = Margin()
    limits: Limits = Limits()


def options_row(frictions: Frictions) -> list[float]:
    """The bundle as the ledger's options (ledger.py names the columns)."""
    fees = frictions.fees
    return [
        float(value)
        for value in (
            frictions.lot,
            frictions.tick,
            frictions.daily,
            frictions.latency_bars,
            frictions.latency_us,
            *frictions.rules,
            *fees[:4],
            *fees.threshold,
            *fees.maker,
            *fees.taker,
            *frictions.slippage,
            *frictions.carry,
            *frictions.margin,
            *frictions.limits,
        )
    ]


def rules_of(ledger: Numbers) -> Rules:
    """Sizing, timing and the plain costs, out of a ledger."""
    return Rules(
        ledger[SIZING],
        ledger[UNITS],
        ledger[FEE_BPS],
        ledger[SLIPPAGE_BPS],
        ledger[FILL_AT],
        ledger[LONG_ONLY] != 0.0,
        ledger[CLOSE_AT_END] != 0.0,
    )


def fees_of(ledger: Numbers) -> Fees:
    """The fees, out of a ledger."""
    low, maker, taker = FEE_THRESHOLD, FEE_MAKER, FEE_TAKER
    return Fees(
        ledger[FEE_KIND],
        ledger[FEE_RATE],
        ledger[FEE_MINIMUM],
        ledger[FEE_MAXIMUM],
        (ledger[low], ledger[low + 1], ledger[low + 2], ledger[low + 3]),
        (ledger[maker], ledger[maker + 1], ledger[maker + 2], ledger[maker + 3]),
        (ledger[taker], ledger[taker + 1], ledger[taker + 2], ledger[taker + 3]),
    )


def slippage_of(ledger: Numbers) -> Slippage:
    """The slippage, out of a ledger."""
    at = SLIPPAGE_PARTS
    return Slippage(
        ledger[at],
        ledger[at + 1],
        ledger[at + 2],
        ledger[at + 3],
        ledger[at + 4],
        ledger[at + 5],
        ledger[at + 6],
        ledger[at + 7],
        int(ledger[at + 8]),
    )


def carry_of(ledger: Numbers) -> Carry:
    """What it costs to hold, out of a ledger."""
    at = CARRY_PARTS
    return Carry(ledger[at], ledger[at + 1], ledger[at + 2], ledger[at + 3])


def limits_of(ledger: Numbers) -> Limits:
    """What may be held at most, out of a ledger."""
    at = LIMIT_PARTS
    return Limits(ledger[at], ledger[at + 1], ledger[at + 2], ledger[at + 3])
