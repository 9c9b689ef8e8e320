"""Bars for the backtester's tests: a real series, and random ones."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.backtest.bars import Bars, bars_from_file, digest

if TYPE_CHECKING:
    from collections.abc import Callable

DAY_US = 86_400_000_000


@pytest.fixture(scope="session")
def goog_file() -> Path:
    """Real daily prices of GOOG, 2,148 rows, as shipped in the backtesting wheel."""
    spec = find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "test" / "GOOG.csv"


@pytest.fixture(scope="session")
def goog(goog_file: Path) -> Bars:
    return bars_from_file(goog_file)


@pytest.fixture(scope="session")
def random_bars() -> Callable[..., Bars]:
    """Make bars of a tick-rounded random walk from a seed."""

    def make(seed: int, length: int, symbol: str = "RND", *, volatility: float = 0.02, offset: int = 0) -> Bars:
        rng = np.random.default_rng(seed)
        close = np.maximum(np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, volatility, length))), 2), 0.01)
        open_ = np.maximum(np.round(close * np.exp(rng.normal(0.0, volatility / 4, length)), 2), 0.01)
        high = np.round(np.maximum(open_, close) * (1.0 + rng.uniform(0.0, volatility, length)), 2)
        low = np.maximum(np.round(np.minimum(open_, close) * (1.0 - rng.uniform(0.0, volatility, length)), 2), 0.01)
        volume = rng.integers(0, 1_000_000, length).astype(np.float64)
        ts_us = (np.arange(length, dtype=np.int64) + offset) * DAY_US
        origin = {"symbol": symbol, "adjust": "none", "sha256": digest(ts_us, open_, high, low, close, volume)}
        return Bars(symbol, "1d", ts_us, open_, high, low, close, volume, origin)

    return make
