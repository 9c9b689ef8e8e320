"""One bar of prices, as a strategy sees it."""

from __future__ import annotations

from typing import NamedTuple


class Bar(NamedTuple):
    """OHLCV of one period: `ts_us` is its open in UTC microseconds (a daily bar: its session date, 00:00 UTC)."""

    ts_us: int
    open: float
    high: float
    low: float
    close: float
    volume: float
