"""Stop orders beyond the channel of the last bars; whichever is met gets a stop, a trailing stop and a target in ATRs.

Source: the Turtle rules as told by C. Faith, Way of the Turtle (2007): entry on a break of the channel, stop two
average ranges (Wilder, 1978) from the entry; the trailing stop is the chandelier exit of C. LeBeau, in A. Elder, Come
Into My Trading Room (2002), three average ranges from the best price since the entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.account import sized, tick_above, tick_below
from trading.indicators import ATR_SIZE, atr_push, window_full, window_max, window_min, window_push, window_size
from trading.order import DAY
from trading.placing import attach_stop, attach_target, attach_trailing, cancel_all, join, place_stop
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Account
    from trading.bar import Bar
    from trading.order import Book


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """The average range, then highs and lows of the channel."""
    return ATR_SIZE + 2 * window_size(int(params[0]))


def trade(state: MutableSequence[float], params: Sequence[float], bar: Bar, account: Account, orders: Book) -> None:
    """While flat, keep a stop order beyond either side of the channel, good for the next session."""
    channel, ranges = int(params[0]), int(params[1])
    lows_at = ATR_SIZE + window_size(channel)
    atr = atr_push(state, 0, ranges, bar.high, bar.low, bar.close)
    window_push(state, ATR_SIZE, channel, bar.high)
    window_push(state, lows_at, channel, bar.low)
    ready = atr == atr and window_full(state, ATR_SIZE, channel)  # noqa: PLR0124 - NaN: too few bars
    if account.position != 0.0 or not ready:
        return
    cancel_all(orders)
    buy = enter(account, orders, params, tick_above(account, window_max(state, ATR_SIZE)), 1.0, atr)
    if not account.rules.long_only:
        sell = enter(account, orders, params, tick_below(account, window_min(state, lows_at)), -1.0, atr)
        join(orders, buy, sell)


def enter(account: Account, orders: Book, params: Sequence[float], price: float, side: float, atr: float) -> int:
    """A stop entry with its three exits; answers its id, 0 when there is no money for one lot."""
    quantity = sized(account, price, 1.0)
    stop, target = price - side * params[2] * atr, price + side * params[4] * atr
    if quantity <= 0.0 or stop <= account.tick or target <= account.tick or price <= 0.0:
        return 0
    entry = place_stop(orders, side, quantity, price, DAY)
    attach_stop(orders, entry, tick_below(account, stop) if side > 0.0 else tick_above(account, stop))
    attach_trailing(orders, entry, params[3] * atr)
    attach_target(orders, entry, tick_above(account, target) if side > 0.0 else tick_below(account, target))
    return entry


STRATEGY = Strategy(
    name="atr_breakout",
    source="Faith (2007); LeBeau in Elder (2002)",
    parameters=(
        Parameter("channel", 20, 2, 1_000, "bars in the channel that is broken"),
        Parameter("ranges", 14, 2, 1_000, "bars in the average true range"),
        Parameter("stop", 2, 0.1, 100, "average ranges from the entry to the stop", whole=False),
        Parameter("trail", 3, 0.1, 100, "average ranges from the best price to the trailing stop", whole=False),
        Parameter("target", 6, 0.1, 1_000, "average ranges from the entry to the target", whole=False),
    ),
    memory=memory,
    trade=trade,
)
