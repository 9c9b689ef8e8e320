"""Minute bars into the lake: rows a second and bytes a row, against the bare file that Polars writes by default."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from measure import emit, peak_rss_mb

from pi5_pipelines.lake.table import Lake

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
ROWS_PER_SYMBOL = 250_000
ROUNDS = 3


def minute_bars(symbol: str, seed: int) -> pl.DataFrame:
    """A tick-rounded random walk of scaled minute bars, round the clock."""
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.0005, ROWS_PER_SYMBOL))), 2)
    open_ = np.concatenate([close[:1], close[:-1]])
    spread = np.round(rng.exponential(0.03, (2, ROWS_PER_SYMBOL)), 2)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    end = start + timedelta(minutes=ROWS_PER_SYMBOL - 1)
    columns = {"open": open_, "high": np.maximum(open_, close) + spread[0], "close": close}
    columns["low"] = np.minimum(open_, close) - spread[1]
    scaled = {name: np.round(columns[name] * 10_000).astype(np.int64) for name in ("open", "high", "low", "close")}
    times = pl.datetime_range(start, end, "1m", time_unit="us", eager=True)
    volume = rng.integers(1, 5_000, ROWS_PER_SYMBOL)
    return pl.DataFrame({"symbol": [symbol] * ROWS_PER_SYMBOL, "ts": times, **scaled, "volume": volume})


def once(bars: pl.DataFrame) -> dict[str, float]:
    """Seconds of a bare Parquet file, of the first and of a repeated upsert; bytes of both."""
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.parquet"
        seconds = {}
        started = time.perf_counter()
        bars.with_columns(pl.col("open", "high", "low", "close") / 10_000).write_parquet(bare)
        seconds["bare"] = time.perf_counter() - started
        lake = Lake(Path(folder) / "lake")
        started = time.perf_counter()
        lake.upsert("bars_1m", bars)
        seconds["first"] = time.perf_counter() - started
        started = time.perf_counter()
        lake.upsert("bars_1m", bars)
        seconds["again"] = time.perf_counter() - started
        (info,) = lake.tables()
        return {**seconds, "bare_bytes": bare.stat().st_size, "bytes": info.bytes, "files": info.files}


def main() -> None:
    """Take and print the figures."""
    bars = pl.concat([minute_bars(symbol, seed) for seed, symbol in enumerate(SYMBOLS)])
    rounds = [once(bars) for _ in range(ROUNDS)]
    best = {name: min(one[name] for one in rounds) for name in rounds[0]}
    emit(
        "lake_1000000_minute_bars",
        rows=bars.height,
        rows_per_second=bars.height / best["first"],
        rows_per_second_unchanged=bars.height / best["again"],
        bytes_per_row=best["bytes"] / bars.height,
        files=best["files"],
        polars_default_float_bytes_per_row=best["bare_bytes"] / bars.height,
        polars_default_float_rows_per_second=bars.height / best["bare"],
        speed_ratio_to_bare_file=best["bare"] / best["first"],
        size_ratio_to_bare_file=best["bytes"] / best["bare_bytes"],
        includes="lock, merge by key, sort, partitions by month, Delta commit, fsync of files and folders",
        does_not_show="real prices: this is a random walk, best of three rounds on this machine's disk",
        peak_rss_mb=peak_rss_mb(),
    )


if __name__ == "__main__":
    main()
