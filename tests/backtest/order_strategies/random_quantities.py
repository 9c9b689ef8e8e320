"""Quantities at random, some of them absurd.

Source: none; it exists for tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.strategies.random_orders import dice  # type: ignore[import-not-found]

from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Portfolio
    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001
    return 2


def hold(
    state: MutableSequence[float],
    params: Sequence[float],
    bars: Sequence[Bar],
    portfolio: Portfolio,
    quantities: MutableSequence[float],
) -> bool:
    if state[0] == 0.0:
        state[0] = params[0] + 1.0
        dice(state)
    for s in range(len(bars)):
        if bars[s].close > 0.0 and dice(state) < 0.5:
            quantities[s] = (3.0 * dice(state) - 1.2) * portfolio.equity / bars[s].close / len(bars)
        if dice(state) < params[1]:
            spoilt = dice(state)
            quantities[s] = math.nan if spoilt < 0.4 else 1e300 if spoilt < 0.6 else -1e9
    return bool(dice(state) < 0.4)


STRATEGY = Strategy(
    name="random_quantities",
    source="tests",
    parameters=(
        Parameter("seed", 1, 0, 1e6, "where the numbers begin"),
        Parameter("bad", 0.02, 0, 1, "share of bad quantities", whole=False),
    ),
    memory=memory,
    hold=hold,
)
