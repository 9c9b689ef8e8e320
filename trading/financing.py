"""What time costs: borrowed shares, funding of perpetual contracts, interest, and dividends on the day they go ex.

Rates are simple and accrue by the time between two bars (ACT/365). Everything is reckoned on the position that was
held over from the bar before, at that bar's close, so nothing of the new bar is known yet.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.ledger import (
    BORROW,
    CASH,
    DEBIT,
    DIVIDENDS,
    FUNDING,
    INTEREST,
    POSITION,
    TRADED,
    TRADED_DAY,
    TRADED_SLOTS,
)

if TYPE_CHECKING:
    from trading.frictions import Carry
    from trading.ledger import Numbers

DAY_US = 86_400_000_000
YEAR_US = 365.0 * DAY_US
FUNDING_US = 8 * 3_600 * 1_000_000  # perpetual contracts settle at 00:00, 08:00 and 16:00 UTC


def borrow_fee(worth: float, rate: float, elapsed_us: float) -> float:
    """The fee for borrowing shares worth `worth` (below zero: a short position) at a yearly `rate`."""
    return max(0.0, -worth) * rate * elapsed_us / YEAR_US


def funding_payment(worth: float, rate: float, before_us: float, now_us: float) -> float:
    """What a position pays (below zero: receives) at the funding times after `before_us`, up to `now_us`."""
    times = math.floor(now_us / FUNDING_US) - math.floor(before_us / FUNDING_US)
    return worth * rate * times


def interest_on(cash: float, shorts: float, rate: float, debit_rate: float, elapsed_us: float) -> float:
    """Interest earned on free cash, or below zero what owed cash costs.

    The proceeds of short sales are not free; `shorts` is what the short positions are worth, zero or below.
    """
    if cash < 0.0:
        return cash * debit_rate * elapsed_us / YEAR_US
    return max(0.0, cash + shorts) * rate * elapsed_us / YEAR_US


def keep_cash(carry: Carry, ledger: Numbers, shorts: float, elapsed_us: float) -> float:
    """What the cash of an account brings between two bars, noted in its ledger; below zero what it costs."""
    earned = interest_on(ledger[CASH], shorts, carry.interest, carry.debit, elapsed_us)
    if earned > 0.0:
        ledger[INTEREST] += earned
    else:
        ledger[DEBIT] -= earned
    return earned


def keep_position(
    carry: Carry, ledger: Numbers, worth: float, before_us: float, now_us: float, dividend: float
) -> float:
    """What a position brings between two bars, noted in its ledger; below zero what it costs.

    `worth` is its value at the close of the bar before; `dividend` is money a share, ex at the new bar.
    """
    borrow = borrow_fee(worth, carry.borrow, now_us - before_us)
    ledger[BORROW] += borrow
    funding = funding_payment(worth, carry.funding, before_us, now_us)
    ledger[FUNDING] += funding
    paid_out: float = ledger[POSITION] * dividend
    ledger[DIVIDENDS] += paid_out
    return paid_out - borrow - funding


def roll_traded(ledger: Numbers, now_us: float) -> None:
    """Forget what was traded more than 30 days ago."""
    day = math.floor(now_us / DAY_US)
    newest = ledger[TRADED_DAY]
    if day <= newest:
        return
    for later in range(1, min(int(day - newest), TRADED_SLOTS) + 1):
        ledger[TRADED_DAY + 1 + int(newest + later) % TRADED_SLOTS] = 0.0
    ledger[TRADED_DAY] = day
    total = 0.0
    for slot in range(TRADED_SLOTS):
        total += ledger[TRADED_DAY + 1 + slot]
    ledger[TRADED] = total
