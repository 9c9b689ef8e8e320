"""The random orders of one symbol in every symbol's book.

Source: none; it exists for tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.strategies.random_orders import STRATEGY as ONE  # type: ignore[import-not-found]
from trading.strategies.random_orders import dice, trade

from trading.account import part
from trading.order import TARGET_ORDER
from trading.placing import place, place_target_quantity
from trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Portfolio
    from trading.bar import Bar
    from trading.order import Book


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001
    return 2


def trade_all(
    state: MutableSequence[float],
    params: Sequence[float],
    bars: Sequence[Bar],
    portfolio: Portfolio,
    books: Sequence[Book],
) -> None:
    for s in range(len(bars)):
        if bars[s].close == bars[s].close:
            trade(state, params, bars[s], part(portfolio, s), books[s])
            if len(bars) > 1 and dice(state) < 0.05:
                place_target_quantity(books[s], 40.0 * dice(state) - 15.0)
                place(books[s], TARGET_ORDER, 1.0, 0.0)


STRATEGY = Strategy(
    name="random_everywhere", source="tests", parameters=ONE.parameters, memory=memory, trade_all=trade_all
)
