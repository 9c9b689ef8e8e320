"""A night's backtests on many symbols: 500 symbols, ten years of daily bars, eight strategies.

Three nights, each in a process of its own as Dagster starts it: the first with nothing compiled, the second after one
more day, as every night is, the third without anything new.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from measure import ROOT, emit, peak_rss_mb
from whole_process import Whole, run_whole

from pi5_pipelines.ingest import check
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.calendars import sessions
from pi5_pipelines.settings import Settings, load_settings
from trading import strategies

SYMBOLS = int(os.environ.get("PI5_BENCH_SYMBOLS", "500"))
DAYS = sessions("XNYS", date(2014, 1, 2), date(2023, 12, 29))
STRATEGIES = (
    "buy_and_hold",
    "sma_cross",
    "donchian_breakout",
    "rsi_mean_reversion",
    "momentum_vol_target",
    "momentum_rotation",
    "atr_breakout",
    "bollinger_reversion",
)
NIGHT = """
import json, time
from pi5_pipelines.backtest.nightly import run_nightly
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import load_settings
settings = load_settings()
started = time.perf_counter()
outcome = run_nightly(settings, Lake(settings.folder("lake")))
changed = [row["change"] for row in outcome.results]
print(json.dumps({
    "results": len(changed), "failed": len(outcome.failed), "skipped": len(outcome.skipped), "changes": changed,
    "seconds": time.perf_counter() - started,
}))
"""


def bars_of_all(rng: np.random.Generator) -> pl.DataFrame:
    """Random walks of scaled daily bars under made-up names: one market in all, gaps overnight, prices on cents."""
    times = pl.Series(DAYS).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    market = rng.normal(0.0003, 0.01, len(DAYS))
    frames = []
    for place in range(SYMBOLS):
        steps = market * rng.uniform(0.6, 1.4) + rng.normal(0.0, 0.015, len(DAYS))
        close = np.round(rng.uniform(10.0, 300.0) * np.exp(np.cumsum(steps)), 2).clip(0.05)
        open_ = np.round(np.concatenate([close[:1], close[:-1]]) * np.exp(rng.normal(0.0, 0.004, len(DAYS))), 2).clip(
            0.05
        )
        high = np.round(np.maximum(open_, close) * (1.0 + rng.exponential(0.005, len(DAYS))), 2)
        low = np.round(np.minimum(open_, close) * (1.0 - rng.uniform(0.0, 0.01, len(DAYS))), 2).clip(0.01)
        columns = {"open": open_, "high": high, "low": low, "close": close}
        scaled = {name: np.round(values * 10_000).astype(np.int64) for name, values in columns.items()}
        volume = rng.integers(1_000, 1_000_000, len(DAYS))
        frames.append(pl.DataFrame({"symbol": [f"S{place:03d}"] * len(DAYS), "ts": times, **scaled, "volume": volume}))
    return pl.concat(frames)


def bring(settings: Settings, lake: Lake, bars: pl.DataFrame) -> tuple[float, float]:
    """Put bars into the lake and judge all; answers the seconds of both."""
    started = time.perf_counter()
    quoted = {"tick_size": "0.01", "price_scale": 4, "size_scale": 0, "lot": "1", "currency": "USD"}
    rows = [{"symbol": name, **quoted, "calendar": "XNYS", "venue": "X"} for name in bars["symbol"].unique().sort()]
    lake.upsert("instruments", pl.DataFrame(rows))
    lake.upsert("bars_1d", bars)
    written = time.perf_counter()
    check(settings, lake)
    return written - started, time.perf_counter() - written


def night(home: str, cache: str) -> tuple[Whole, float]:
    """One night: what it took and printed, and the CPU seconds of its process."""
    chosen = "[" + ", ".join(f'{{ name = "{name}" }}' for name in STRATEGIES) + "]"
    environment = {
        "PI5_HOME": home,
        "PI5_NUMBA_CACHE": cache,
        "PI5_BACKTEST_STRATEGIES": chosen,
        "PYTHONPATH": str(ROOT),
    }
    before = os.times()
    found = run_whole([sys.executable, "-c", NIGHT], environment=environment)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system - before.children_system
    return found, cpu


def told(found: Whole, cpu_s: float) -> dict[str, Any]:
    """One night as a row."""
    again = sum(one != "first run" for one in found.answer["changes"])
    return {
        "wall_s": found.seconds,
        "cpu_s": cpu_s,
        "peak_rss_mb": found.peak_tree_rss_mb,
        "results": found.answer["results"],
        "of_these_with_a_night_before": again,
        "left_out_or_failed": found.answer["skipped"] + found.answer["failed"],
    }


def main() -> None:
    """Take and print the figures."""
    unknown = set(STRATEGIES) - set(strategies.names())
    if unknown:
        sys.exit(f"no such strategies: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as cache:
        settings = load_settings(environ={"PI5_HOME": home})
        lake = Lake(settings.folder("lake"))
        bars = bars_of_all(np.random.default_rng(11))
        last = datetime.combine(DAYS[-1], datetime.min.time())
        newest = pl.col("ts").dt.replace_time_zone(None) == last
        ingest_s, checks_s = bring(settings, lake, bars.filter(~newest))
        nights = {"first, nothing compiled": told(*night(home, cache))}
        bring(settings, lake, bars.filter(newest))
        nights["a day later"] = told(*night(home, cache))
        nights["nothing new"] = told(*night(home, cache))
        sizes = [path.stat().st_size for path in (Path(home) / "reports").rglob("*") if path.is_file()]
    emit(
        "night_of_many_symbols",
        nights=nights,
        symbols=SYMBOLS,
        strategies=len(STRATEGIES),
        bars=bars.height,
        lake_s=ingest_s,
        checks_s=checks_s,
        results_kept_mb=sum(sizes) / 1e6,
        results_kept_files=len(sizes),
        this_process_peak_rss_mb=peak_rss_mb(),
        includes="start of the process, reading and adjusting, backtests with all figures, results flushed to the disk",
        does_not_show="real prices: random walks; the report, compaction and backup of the night are not in it",
    )


if __name__ == "__main__":
    main()
