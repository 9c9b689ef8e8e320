"""Weights at random, of either side, together more or less than the whole equity.

Source: none; it exists for tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.strategies.random_orders import dice  # type: ignore[import-not-found]

from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001
    return 2


def allocate(
    state: MutableSequence[float],
    params: Sequence[float],
    bars: Sequence[Bar],
    positions: Sequence[float],  # noqa: ARG001
    weights: MutableSequence[float],
) -> bool:
    if state[0] == 0.0:
        state[0] = params[0] + 1.0
        dice(state)
    for s in range(len(bars)):
        if dice(state) < 0.6:
            weights[s] = (3.0 * dice(state) - params[1]) / len(bars)
        if dice(state) < 0.05:
            weights[s] = math.nan
    return bool(dice(state) < 0.5)


STRATEGY = Strategy(
    name="random_weights",
    source="tests",
    parameters=(
        Parameter("seed", 1, 0, 1e6, "where the numbers begin"),
        Parameter("short", 1.2, 0, 3, "how far weights reach below zero", whole=False),
    ),
    memory=memory,
    allocate=allocate,
)
