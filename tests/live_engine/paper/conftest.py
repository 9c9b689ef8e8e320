"""What tests of the paper broker share: strategies of their own, and bars as a stream brings them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_engine.events import BarClosed
from live_engine.paper.orders import exact
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pi5_pipelines.backtest.bars import Bars

OWN = [str(Path(__file__).parents[2] / "backtest" / "order_strategies")]


@pytest.fixture(autouse=True, scope="module")
def _strategies_of_tests() -> Iterator[None]:
    strategies.__path__.extend(OWN)
    yield
    for folder in OWN:
        strategies.__path__.remove(folder)


@pytest.fixture(scope="session")
def closed() -> Callable[..., list[BarClosed]]:
    """The backtester's bars as a stream brings them."""

    def bars_of(bars: Bars, timeframe: str = "1d") -> list[BarClosed]:
        rows = zip(bars.ts_us, bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
        return [
            BarClosed(
                symbol=bars.symbol,
                timeframe=timeframe,
                ts_ns=int(ts_us) * 1_000,
                open=exact(open_),
                high=exact(high),
                low=exact(low),
                close=exact(close),
                volume=exact(volume),
            )
            for ts_us, open_, high, low, close, volume in rows
        ]

    return bars_of
