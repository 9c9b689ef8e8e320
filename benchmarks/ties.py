"""Pairs of moving averages that are exactly equal at some bar: there, each engine's rounding decides on a crossing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray


def tied(close: NDArray[np.float64], decimals: int, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
    """The pairs (fast, slow) whose averages are equal at a bar, in exact arithmetic on prices of so many digits."""
    ticks = np.round(close * 10.0**decimals).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(ticks)])
    found = set()
    for fast, slow in pairs:
        upto = np.arange(slow, sums.size)
        quick, lazy = sums[upto] - sums[upto - fast], sums[upto] - sums[upto - slow]
        if (quick * slow == lazy * fast).any():
            found.add((fast, slow))
    return found
