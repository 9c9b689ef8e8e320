"""Minute bars and ticks into the lake: rows a second and bytes a row, against the bare file that Polars writes."""

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
LOTS = (1, 2, 3, 5, 10, 25, 50, 75, 100, 100, 100, 200, 300, 500, 1_000)
ODD_LOTS = 0.15  # of all trades


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


def ticks(symbol: str, seed: int) -> pl.DataFrame:
    """A walk by single ticks at random moments, three a second; sizes are mostly round lots."""
    rng = np.random.default_rng(seed)
    rows = ROWS_PER_SYMBOL
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1e6)
    ts = pl.Series(start + np.cumsum(rng.exponential(345_600, rows).astype(np.int64) + 1))
    odd = np.where(rng.random(rows) < ODD_LOTS, rng.integers(1, 40, rows), 1)
    return pl.DataFrame(
        {
            "symbol": [symbol] * rows,
            "ts": ts.cast(pl.Datetime("us", "UTC")),
            "trade_id": seed * 1_000_000_000 + np.arange(rows),
            "price": 1_000_000 + 100 * np.cumsum(rng.choice([-1, 0, 0, 0, 1], rows)),
            "size": rng.choice(LOTS, rows) * odd,
            "side": pl.Series(rng.choice([1, -1], rows)).cast(pl.Int8),
        }
    )


def once(table: str, rows: pl.DataFrame) -> dict[str, float]:
    """Seconds of a bare Parquet file, of the first and of a repeated upsert; bytes of both."""
    prices = [name for name in ("open", "high", "low", "close", "price") if name in rows.columns]
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.parquet"
        seconds = {}
        started = time.perf_counter()
        rows.with_columns(pl.col(prices) / 10_000).write_parquet(bare)
        seconds["bare"] = time.perf_counter() - started
        lake = Lake(Path(folder) / "lake")
        started = time.perf_counter()
        lake.upsert(table, rows)
        seconds["first"] = time.perf_counter() - started
        started = time.perf_counter()
        lake.upsert(table, rows)
        seconds["again"] = time.perf_counter() - started
        (info,) = lake.tables()
        return {**seconds, "bare_bytes": bare.stat().st_size, "bytes": info.bytes, "files": info.files}


def figures(table: str, rows: pl.DataFrame, **told: str) -> None:
    """Take and print the figures of one table."""
    rounds = [once(table, rows) for _ in range(ROUNDS)]
    best = {name: min(one[name] for one in rounds) for name in rounds[0]}
    emit(
        f"lake_{rows.height}_{table}",
        rows=rows.height,
        rows_per_second=rows.height / best["first"],
        rows_per_second_unchanged=rows.height / best["again"],
        bytes_per_row=best["bytes"] / rows.height,
        files=best["files"],
        polars_default_float_bytes_per_row=best["bare_bytes"] / rows.height,
        polars_default_float_rows_per_second=rows.height / best["bare"],
        speed_ratio_to_bare_file=best["bare"] / best["first"],
        size_ratio_to_bare_file=best["bytes"] / best["bare_bytes"],
        does_not_show="real prices: this is a random walk, best of three rounds on this machine's disk",
        peak_rss_mb=peak_rss_mb(),
        **told,
    )


def main() -> None:
    """Bars, then ticks."""
    includes = "lock, merge by key, sort, partitions, Delta commit, fsync of files and folders"
    bars = pl.concat([minute_bars(symbol, seed) for seed, symbol in enumerate(SYMBOLS)])
    figures("bars_1m", bars, includes=includes)
    figures("ticks", pl.concat([ticks(symbol, seed) for seed, symbol in enumerate(SYMBOLS)]), includes=includes)


if __name__ == "__main__":
    main()
