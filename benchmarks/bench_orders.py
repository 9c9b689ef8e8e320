"""The loop of orders on 60,000 minute bars: a strategy that places orders, and one of targets with frictions."""

from __future__ import annotations

import os
import tempfile
import time

os.environ["PI5_NUMBA_CACHE"] = tempfile.mkdtemp(prefix="pi5-numba-")  # so that the first run really compiles

from bench_backtest import minute_bars
from measure import best_of, emit, peak_rss_mb

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

FRICTIONS = FrictionSpec(
    fees="per-share:0.005:min=1", spread="1bps", slippage="volume-share:limit=0.5", borrow_pct=3.0, interest_pct=2.0
)


def main() -> None:
    """Take and print the figures."""
    minutes = minute_bars(60_000)
    cases = {
        "orders_60000_minute_bars": BacktestSpec(strategy="atr_breakout", params={"channel": 7}, cash=1e4),
        "targets_with_frictions_60000_minute_bars": BacktestSpec(
            strategy="sma_cross", params={"fast": 7, "slow": 24}, cash=1e4, frictions=FRICTIONS
        ),
    }
    for name, spec in cases.items():
        started = time.perf_counter()
        result = run_backtest(spec, [minutes])
        cold = time.perf_counter() - started
        best, median = best_of(5, lambda spec=spec: run_backtest(spec, [minutes]))  # type: ignore[misc]
        emit(
            name,
            order_events=0 if result.orders is None else result.orders.height,
            trades=result.document["trades"],
            seconds_best=best,
            seconds_median=median,
            seconds_cold_with_compilation=cold,
            includes="event loop, order events, trades, metrics, hashes",
            peak_rss_mb=peak_rss_mb(),
        )


if __name__ == "__main__":
    main()
