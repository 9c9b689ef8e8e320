"""What a strategy that places orders, or trades many symbols, sees of its account."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from trading.sizing import target_quantity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.rules import Rules


class Account(NamedTuple):
    """`entry` is the position's average price (0: flat), `equity` values the position at the bar's close.

    `tick` is 0 where any price is allowed.
    """

    cash: float
    position: float
    entry: float
    equity: float
    lot: float
    tick: float
    leverage: float
    rules: Rules


class Portfolio(NamedTuple):
    """An account on many symbols: `positions`, `entries`, `lots` and `ticks` hold one value a symbol.

    `equity` values every position at its last close; all else as in Account.
    """

    cash: float
    equity: float
    positions: Sequence[float]
    entries: Sequence[float]
    lots: Sequence[float]
    ticks: Sequence[float]
    leverage: float
    rules: Rules


def part(portfolio: Portfolio, symbol: int) -> Account:
    """The account as it looks from one symbol: the cash and the equity of all, the position of one."""
    return Account(
        portfolio.cash,
        portfolio.positions[symbol],
        portfolio.entries[symbol],
        portfolio.equity,
        portfolio.lots[symbol],
        portfolio.ticks[symbol],
        portfolio.leverage,
        portfolio.rules,
    )


def sized(account: Account, price: float, exposure: float) -> float:
    """The quantity, 0 or above, that an exposure (1: the whole equity) buys or sells at `price` by the run's sizing."""
    return abs(target_quantity(account.rules, account.lot, exposure * account.leverage, account.equity, price))


def tick_below(account: Account, price: float) -> float:
    """The nearest price on the tick's grid at or below `price`."""
    if account.tick <= 0.0:
        return price
    return math.floor(price / account.tick + 1e-9) * account.tick


def tick_above(account: Account, price: float) -> float:
    """The nearest price on the tick's grid at or above `price`."""
    if account.tick <= 0.0:
        return price
    return math.ceil(price / account.tick - 1e-9) * account.tick
