"""One backtest on real daily bars, and 60,000 minute bars with some 3,000 orders; the cold start is told apart."""

from __future__ import annotations

import os
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

os.environ["PI5_NUMBA_CACHE"] = tempfile.mkdtemp(prefix="pi5-numba-")  # so that the first run really compiles

import numpy as np
from measure import best_of, emit, peak_rss_mb

from pi5_pipelines.backtest.bars import Bars, bars_from_file, digest
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

MINUTE_US = 60_000_000


def minute_bars(length: int, seed: int = 7) -> Bars:
    """A tick-rounded random walk of minute bars."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0005, length))), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(open_, close) + 0.01, np.minimum(open_, close) - 0.01
    volume = rng.integers(1, 1_000, length).astype(np.float64)
    ts_us = np.arange(length, dtype=np.int64) * MINUTE_US
    origin = {"symbol": "RND", "adjust": "none", "sha256": digest(ts_us, close)}
    return Bars("RND", "1m", ts_us, open_, high, low, close, volume, origin, calendar="24/7")


def main() -> None:
    """Take and print the figures."""
    spec_found = find_spec("backtesting")
    assert spec_found is not None  # noqa: S101 - a development dependency
    assert spec_found.origin is not None  # noqa: S101
    goog = bars_from_file(Path(spec_found.origin).parent / "test" / "GOOG.csv")
    daily = BacktestSpec(strategy="sma_cross", params={"fast": 10, "slow": 30})
    started = time.perf_counter()
    run_backtest(daily, [goog])
    cold = time.perf_counter() - started
    best, median = best_of(50, lambda: run_backtest(daily, [goog]))
    emit(
        "one_backtest_2148_daily_bars",
        seconds_best=best,
        seconds_median=median,
        seconds_cold_with_compilation=cold,
        includes="event loop, trades, metrics, hashes",
        peak_rss_mb=peak_rss_mb(),
    )
    minutes = minute_bars(60_000)
    busy = BacktestSpec(strategy="sma_cross", params={"fast": 7, "slow": 24}, fee_bps=1, slippage_bps=1, cash=1e6)
    orders = run_backtest(busy, [minutes]).document["trades"]
    best, median = best_of(20, lambda: run_backtest(busy, [minutes]))
    emit(
        "event_driven_60000_minute_bars",
        orders=orders,
        seconds_best=best,
        seconds_median=median,
        target_seconds=0.1,
        includes="event loop, trades, metrics, hashes",
        peak_rss_mb=peak_rss_mb(),
    )


if __name__ == "__main__":
    main()
