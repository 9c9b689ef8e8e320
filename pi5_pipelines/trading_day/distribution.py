"""How numbers lie: their count, mean and the values that half, 95 and 99 percent of them do not exceed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable


class Distribution(msgspec.Struct, frozen=True, kw_only=True):
    """Percentiles by the nearest rank, so each is a number that was there; None of no numbers."""

    count: int = 0
    mean: float | None = None
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    most: float | None = None


def distribution(values: Iterable[float]) -> Distribution:
    """The distribution of some numbers."""
    found = sorted(values)
    if not found:
        return Distribution()

    def rank(share: float) -> float:
        return found[math.ceil(share * len(found)) - 1]

    mean = math.fsum(found) / len(found)
    return Distribution(count=len(found), mean=mean, p50=rank(0.5), p95=rank(0.95), p99=rank(0.99), most=found[-1])
