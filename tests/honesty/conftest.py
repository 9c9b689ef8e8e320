"""Bars for the tests of honesty: a random walk, a walk with a trend that persists, and real prices."""

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
def walk() -> Callable[..., Bars]:
    """Make bars of a random walk from a seed; `memory` makes a day's return follow the day before."""

    def make(seed: int, length: int, symbol: str = "RND", *, memory: float = 0.0, drift: float = 0.0) -> Bars:
        rng = np.random.default_rng(seed)
        steps = rng.normal(0.0, 0.01, length)
        for i in range(1, length):
            steps[i] += memory * steps[i - 1]
        close = 100.0 * np.exp(np.cumsum(steps + drift))
        before = np.concatenate([[100.0], close[:-1]])
        open_ = before * np.exp(rng.normal(0.0, 0.001, length))
        high = np.maximum(open_, close) * (1.0 + rng.uniform(0.0, 0.004, length))
        low = np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 0.004, length))
        volume = rng.integers(1, 1_000_000, length).astype(np.float64)
        ts_us = np.arange(length, dtype=np.int64) * DAY_US
        origin = {"symbol": symbol, "adjust": "none", "sha256": digest(ts_us, open_, high, low, close, volume)}
        return Bars(symbol, "1d", ts_us, open_, high, low, close, volume, origin)

    return make
