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


def interest_on(cash: float, worth: float, rate: float, debit_rate: float, elapsed_us: float) -> float:
    """Interest earned on free cash (the proceeds of a short sale are not free), or below zero what owed cash costs."""
    if cash < 0.0:
        return cash * debit_rate * elapsed_us / YEAR_US
    free = cash + min(0.0, worth)
    return max(0.0, free) * rate * elapsed_us / YEAR_US


def carry_over(carry: Carry, ledger: Numbers, price: float, before_us: float, now_us: float, dividend: float) -> None:
    """Settle what the time between two bars costs or brings; `dividend` is money a share, ex at the new bar."""
    position = ledger[POSITION]
    worth = position * price
    earned = interest_on(ledger[CASH], worth, carry.interest, carry.debit, now_us - before_us)
    if earned > 0.0:
        ledger[INTEREST] += earned
    else:
        ledger[DEBIT] -= earned
    borrow = borrow_fee(worth, carry.borrow, now_us - before_us)
    ledger[BORROW] += borrow
    funding = funding_payment(worth, carry.funding, before_us, now_us)
    ledger[FUNDING] += funding
    paid_out = position * dividend
    ledger[DIVIDENDS] += paid_out
    ledger[CASH] += earned - borrow - funding + paid_out


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
