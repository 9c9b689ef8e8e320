"""Stop orders at the high of the last bars for the symbols nearest to it, each with a stop and a target in ATRs.

Source: T. George, C.-Y. Hwang, "The 52-Week High and Momentum Investing", Journal of Finance 59 (2004): rank symbols by
how near they are to their high. Entry, stop at two average ranges and equal parts of equity as with the Turtles, in C.
Faith, Way of the Turtle (2007).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.account import part, sized, tick_above, tick_below
from trading.indicators import ATR_SIZE, atr_now, atr_push, window_full, window_max, window_push, window_size
from trading.order import DAY
from trading.placing import attach_stop, attach_target, cancel_all, place_stop
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Account, Portfolio
    from trading.bar import Bar
    from trading.order import Book


def memory(params: Sequence[float], symbols: int) -> int:
    """How near each symbol is to its high (0: not a candidate), its average range, its window of highs."""
    return symbols * (1 + ATR_SIZE + window_size(int(params[0])))


def trade_all(
    state: MutableSequence[float],
    params: Sequence[float],
    bars: Sequence[Bar],
    portfolio: Portfolio,
    books: Sequence[Book],
) -> None:
    """After every bar put stop orders beyond the highs of as many symbols as there are places left."""
    highs, most = int(params[0]), int(params[2])
    stride = 1 + ATR_SIZE + window_size(highs)
    places = most
    for s in range(len(bars)):
        at, bar = s * stride, bars[s]
        state[at] = 0.0
        if portfolio.positions[s] != 0.0:
            places -= 1
        if bar.close != bar.close:
            continue
        atr = atr_push(state, at + 1, int(params[1]), bar.high, bar.low, bar.close)
        window_push(state, at + 1 + ATR_SIZE, highs, bar.high)
        if portfolio.positions[s] == 0.0:
            cancel_all(books[s])
            if atr == atr and window_full(state, at + 1 + ATR_SIZE, highs):  # noqa: PLR0124 - NaN: too few bars
                state[at] = bar.close / window_max(state, at + 1 + ATR_SIZE)
    for _ in range(max(0, places)):
        best = nearest(state, stride, len(bars))
        if best < 0:
            return
        at = best * stride
        high, atr = window_max(state, at + 1 + ATR_SIZE), atr_now(state, at + 1)
        enter(part(portfolio, best), books[best], params, high, atr)
        state[at] = 0.0


def nearest(state: Sequence[float], stride: int, symbols: int) -> int:
    """The candidate that is nearest to its high; -1 when none is left."""
    best, share = -1, 0.0
    for s in range(symbols):
        if state[s * stride] > share:
            best, share = s, state[s * stride]
    return best


def enter(account: Account, orders: Book, params: Sequence[float], high: float, atr: float) -> None:
    """A stop order at the high, good for the next session, with its two exits."""
    price = tick_above(account, high)
    quantity = sized(account, price, 1.0 / params[2])
    stop = tick_below(account, price - params[3] * atr)
    if quantity <= 0.0 or stop <= 0.0:
        return
    entry = place_stop(orders, 1.0, quantity, price, DAY)
    attach_stop(orders, entry, stop)
    attach_target(orders, entry, tick_above(account, price + params[4] * atr))


STRATEGY = Strategy(
    name="high_breakout",
    source="George, Hwang (2004); Faith (2007)",
    parameters=(
        Parameter("highs", 252, 2, 10_000, "bars whose high is to be broken"),
        Parameter("ranges", 20, 2, 1_000, "bars in the average true range"),
        Parameter("most", 5, 1, 1_000, "symbols held at once, each with an equal part of equity"),
        Parameter("stop", 2, 0.1, 100, "average ranges from the entry to the stop", whole=False),
        Parameter("target", 8, 0.1, 1_000, "average ranges from the entry to the target", whole=False),
    ),
    memory=memory,
    trade_all=trade_all,
)
