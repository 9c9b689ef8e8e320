"""Limit orders at the outer bands, a limit order at the middle to leave, and a stop for when it does not come back.

Source: J. Bollinger, Bollinger on Bollinger Bands (2001): a moving average with bands so many standard deviations
away; here the fade of a touch of the outer band back to the middle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.account import sized, tick_above, tick_below
from trading.indicators import sma_push, window_size, window_std
from trading.order import DAY
from trading.placing import attach_stop, cancel_all, join, place_limit
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Account
    from trading.bar import Bar
    from trading.order import Book


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """The window of closes."""
    return window_size(int(params[0]))


def trade(state: MutableSequence[float], params: Sequence[float], bar: Bar, account: Account, orders: Book) -> None:
    """Every bar anew: flat, bid at the lower band and offer at the upper; else ask for the middle."""
    length, width = int(params[0]), params[1]
    middle = sma_push(state, 0, length, bar.close)
    spread = window_std(state, 0, length)
    if spread != spread or spread == 0.0:  # noqa: PLR0124 - NaN: too few bars
        return
    if account.position != 0.0:
        side = -1.0 if account.position > 0.0 else 1.0
        price = tick_above(account, middle) if side < 0.0 else tick_below(account, middle)
        place_limit(orders, side, abs(account.position), price, DAY, 1.0)
        return
    cancel_all(orders)
    bid = enter(account, orders, tick_below(account, middle - width * spread), 1.0, params[2] * spread)
    if not account.rules.long_only:
        offer = enter(account, orders, tick_above(account, middle + width * spread), -1.0, params[2] * spread)
        join(orders, bid, offer)


def enter(account: Account, orders: Book, price: float, side: float, distance: float) -> int:
    """A limit entry for the next session with a stop behind it; answers its id, 0 when it cannot be."""
    stop = price - side * distance
    if price <= account.tick or stop <= account.tick:
        return 0
    quantity = sized(account, price, 1.0)
    if quantity <= 0.0:
        return 0
    entry = place_limit(orders, side, quantity, price, DAY)
    attach_stop(orders, entry, tick_below(account, stop) if side > 0.0 else tick_above(account, stop))
    return entry


STRATEGY = Strategy(
    name="bollinger_reversion",
    source="Bollinger (2001)",
    parameters=(
        Parameter("length", 20, 2, 1_000, "bars in the moving average"),
        Parameter("width", 2, 0.1, 10, "standard deviations to the outer bands", whole=False),
        Parameter("stop", 2, 0.1, 100, "standard deviations from the entry to the stop", whole=False),
    ),
    memory=memory,
    trade=trade,
)
