"""A whole night's backtests on many symbols: 500 symbols, ten years of daily bars, every shipped strategy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
from measure import ROOT, emit, peak_rss_mb

from pi5_pipelines.ingest import check
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.calendars import sessions
from pi5_pipelines.settings import load_settings
from trading import strategies

SYMBOLS = int(os.environ.get("PI5_BENCH_SYMBOLS", "500"))
DAYS = sessions("XNYS", date(2014, 1, 2), date(2023, 12, 29))
NIGHT = """
import json, time
from measure import peak_rss_mb
from pi5_pipelines.backtest.nightly import run_nightly
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import load_settings
settings = load_settings()
started = time.perf_counter()
outcome = run_nightly(settings, Lake(settings.folder("lake")))
seconds = time.perf_counter() - started
counts = {"results": len(outcome.results), "failed": len(outcome.failed)}
print(json.dumps({**counts, "seconds": seconds, "rss": peak_rss_mb()}))
"""


def fill(lake: Lake) -> None:
    """Random walks of scaled daily bars under made-up names, and what the lake must know of them."""
    rng = np.random.default_rng(11)
    times = pl.Series(DAYS).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    names = [f"S{n:03d}" for n in range(SYMBOLS)]
    frames = []
    for name in names:
        close = np.round(50.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.02, len(DAYS)))), 2).clip(0.05)
        open_ = np.concatenate([close[:1], close[:-1]])
        columns = {"open": open_, "high": np.maximum(open_, close) + 0.02, "low": np.minimum(open_, close) - 0.02}
        scaled = {key: np.round(value * 10_000).astype(np.int64) for key, value in {**columns, "close": close}.items()}
        volume = rng.integers(1_000, 1_000_000, len(DAYS))
        frames.append(pl.DataFrame({"symbol": [name] * len(DAYS), "ts": times, **scaled, "volume": volume}))
    lake.upsert("bars_1d", pl.concat(frames))
    quoted = {"tick_size": "0.01", "price_scale": 4, "size_scale": 0, "lot": "1", "currency": "USD"}
    lake.upsert("instruments", pl.DataFrame([{"symbol": n, **quoted, "calendar": "XNYS", "venue": "X"} for n in names]))


def night(home: str, cache: str) -> dict[str, float]:
    """One night in a process of its own, as Dagster starts it."""
    chosen = (
        json.dumps([{"name": name} for name in strategies.names()]).replace('": ', '" = ').replace('"name"', "name")
    )
    environment = {**os.environ, "PI5_HOME": home, "PI5_NUMBA_CACHE": cache, "PI5_BACKTEST_STRATEGIES": chosen}
    command = [sys.executable, "-c", NIGHT]
    environment["PYTHONPATH"] = f"{ROOT}:{ROOT / 'benchmarks'}"
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Take and print the figures."""
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as cache:
        os.environ["PI5_HOME"] = home
        settings = load_settings()
        lake = Lake(settings.folder("lake"))
        fill(lake)
        started = time.perf_counter()
        check(settings, lake)
        checks = time.perf_counter() - started
        first, second = night(home, cache), night(home, cache)
        size = sum(path.stat().st_size for path in (Path(home) / "reports").rglob("*") if path.is_file())
    emit(
        "night_of_many_symbols",
        symbols=SYMBOLS,
        bars=len(DAYS) * SYMBOLS,
        strategies=len(strategies.names()),
        results=first["results"],
        failed=first["failed"],
        seconds_first_night_with_compilation=first["seconds"],
        seconds_second_night_nothing_new=second["seconds"],
        seconds_checks=checks,
        worker_peak_rss_mb=first["rss"],
        results_mb=size / 1e6,
        this_process_peak_rss_mb=peak_rss_mb(),
        does_not_show="real prices: random walks; the report, compaction and backup of the night are not in it",
    )


if __name__ == "__main__":
    main()
