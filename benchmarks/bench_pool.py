"""Weights over 200 symbols through the plain loop and through pooled accounts, in turn: what desks cost."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING

os.environ["PI5_NUMBA_CACHE"] = tempfile.mkdtemp(prefix="pi5-numba-")  # so that the first run really compiles

import numpy as np
from measure import emit, peak_rss_mb

from pi5_pipelines.backtest.bars import Bars, digest
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.honesty.accounts import Runner

if TYPE_CHECKING:
    from pi5_pipelines.honesty.accounts import Account

SYMBOLS, DAYS, TURNS = 200, 2_500, 15
DAY_US = 86_400_000_000
PARAMS = (126.0, 21.0, 20.0, 21.0)
COSTS = FrictionSpec(
    fees="per-share:0.005:min=1", spread="1bps", slippage="volume-share:limit=0.5", borrow_pct=3.0, interest_pct=2.0
)


def daily_bars(seed: int) -> Bars:
    """A tick-rounded random walk of daily bars."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.015, DAYS))), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    high, low = np.maximum(open_, close) + 0.01, np.minimum(open_, close) - 0.01
    volume = rng.integers(10_000, 1_000_000, DAYS).astype(np.float64)
    ts_us = np.arange(DAYS, dtype=np.int64) * DAY_US
    origin = {"symbol": f"S{seed}", "adjust": "none", "sha256": digest(ts_us, close)}
    return Bars(f"S{seed}", "1d", ts_us, open_, high, low, close, volume, origin)


def timed(runner: Runner) -> tuple[float, Account]:
    """CPU seconds of one run, and its account."""
    started = time.process_time()
    account = runner.run(PARAMS)
    return time.process_time() - started, account


def main() -> None:
    """Take and print the figures."""
    bars = [daily_bars(seed) for seed in range(SYMBOLS)]
    # A tick costs nothing and changes no weight, and no plain loop knows it.
    kinds = {"plain": FrictionSpec(), "pool": FrictionSpec(tick=0.01), "costs": COSTS}
    runners, cold = {}, {}
    for kind, frictions in kinds.items():
        spec = BacktestSpec(strategy="momentum_rotation", cash=1e7, direction="long", frictions=frictions)
        runners[kind] = Runner(spec, bars)
        started = time.perf_counter()
        timed(runners[kind])
        cold[kind] = time.perf_counter() - started
    plain, pooled = (timed(runners[kind])[1].equity.copy() for kind in ("plain", "pool"))
    if plain.tobytes() != pooled.tobytes():
        raise SystemExit("bench_pool: the two loops give different accounts")
    turns = [{kind: timed(runner)[0] for kind, runner in runners.items()} for _ in range(TURNS)]
    emit(
        "weights_200_symbols_2500_daily_bars",
        plain_loop_cpu_s=min(one["plain"] for one in turns),
        pool_loop_cpu_s=min(one["pool"] for one in turns),
        pool_over_plain=statistics.median(one["pool"] / one["plain"] for one in turns),
        pool_with_costs_over_plain=statistics.median(one["costs"] / one["plain"] for one in turns),
        pool_cold_with_compilation_s=cold["pool"],
        includes="event loop alone; both loops give the same account to the bit",
        peak_rss_mb=peak_rss_mb(),
    )


if __name__ == "__main__":
    main()
