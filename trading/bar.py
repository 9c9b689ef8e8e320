"""One bar of prices, as a strategy sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence


class Bar(NamedTuple):
    """OHLCV of one period: `ts_us` is its open in UTC microseconds (a daily bar: its session date, 00:00 UTC)."""

    ts_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float


def bars_of(
    ts_us: int,
    open_: Sequence[float],
    high: Sequence[float],
    low: Sequence[float],
    close: Sequence[float],
    volume: Sequence[float],
) -> list[Bar]:
    """The bars of several symbols at one moment, out of rows of one value a symbol; a close of NaN: no bar."""
    return [Bar(ts_us, open_[s], high[s], low[s], close[s], volume[s]) for s in range(len(close))]
