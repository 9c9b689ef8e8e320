"""Sell the one that ran ahead and buy the one that fell behind, in equal money, until the two meet again.

Source: E. Gatev, W. Goetzmann, K. G. Rouwenhorst, "Pairs Trading: Performance of a Relative-Value Arbitrage Rule",
Review of Financial Studies 19 (2006): open when the spread is two of its standard deviations wide, close when prices
cross. There the spread is that of prices normalised over a year before; here it is the log of the price ratio, less
its mean over the last `lookback` bars. Symbols pair up in the order they are given: first and second, third and fourth.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.indicators import window_full, window_push, window_size, window_std
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Portfolio
    from trading.bar import Bar

# Of each pair: the side its first symbol is held on, and how many bars it has been held.
_SIDE, _AGE, _WINDOW = range(3)


def memory(params: Sequence[float], symbols: int) -> int:
    """A pair's side, age and window of spreads, for every two symbols."""
    return max(1, symbols // 2 * (_WINDOW + window_size(int(params[0]))))


def hold(
    state: MutableSequence[float],
    params: Sequence[float],
    bars: Sequence[Bar],
    portfolio: Portfolio,
    quantities: MutableSequence[float],
) -> bool:
    """Open a pair where its spread is wide, with its part of equity half on either side; close it where they meet."""
    lookback, stride = int(params[0]), _WINDOW + window_size(int(params[0]))
    pairs, moved = len(bars) // 2, False
    for k in range(pairs):
        at, a, b = k * stride, 2 * k, 2 * k + 1
        first, second = bars[a].close, bars[b].close
        if not (first > 0.0 and second > 0.0):
            continue  # one of them has no bar
        spread = math.log(first / second)
        window_push(state, at + _WINDOW, lookback, spread)
        if not window_full(state, at + _WINDOW, lookback):
            continue
        deviation = window_std(state, at + _WINDOW, lookback)
        score = (spread - state[at + _WINDOW + 1] / lookback) / deviation if deviation > 0.0 else 0.0
        side = state[at + _SIDE]
        if side != 0.0:
            state[at + _AGE] += 1.0
            if score * side >= 0.0 or state[at + _AGE] >= params[2]:
                quantities[a] = quantities[b] = 0.0
                state[at + _SIDE], moved = 0.0, True
        elif abs(score) > params[1] and portfolio.equity > 0.0:
            side = -1.0 if score > 0.0 else 1.0
            money = portfolio.equity / pairs / 2.0
            quantities[a], quantities[b] = side * money / first, -side * money / second
            state[at + _SIDE], state[at + _AGE], moved = side, 0.0, True
    return moved


STRATEGY = Strategy(
    name="pairs_trading",
    source="Gatev, Goetzmann, Rouwenhorst (2006)",
    parameters=(
        Parameter("lookback", 120, 2, 10_000, "bars that the spread's mean and deviation are taken over"),
        Parameter("open", 2, 0.1, 20, "deviations at which a pair is opened", whole=False),
        Parameter("longest", 120, 1, 10_000, "bars after which a pair is closed in any case"),
    ),
    memory=memory,
    hold=hold,
)
