"""Ticks lie in the lake beside bars: one row a trade, a day a partition, shown with real prices and sizes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.lake.query import connect
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.settings import DuckDBSettings

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake

START = datetime(2024, 1, 31, 23, 59, 58, tzinfo=UTC)


def ticks(count: int = 5) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "symbol": ["A"] * count,
            "ts": [START + timedelta(seconds=one // 2) for one in range(count)],  # two trades a second
            "trade_id": range(count),
            "price": [1_000_000 + 100 * one for one in range(count)],
            "size": [100, 200, 100, 300, 100][:count],
            "side": [1, -1, 1, -1, 1][:count],
        },
        schema_overrides=dict(schema_of("ticks").columns),
    )


def instrument(lake: Lake) -> None:
    row = {"symbol": "A", "tick_size": "0.01", "price_scale": 4, "size_scale": 1, "lot": "1"}
    lake.upsert("instruments", pl.DataFrame([{**row, "currency": "USD", "calendar": "XNYS", "venue": "NYSE"}]))


def test_trades_of_one_moment_are_told_apart_and_days_are_partitions(lake: Lake) -> None:
    report = lake.upsert("ticks", ticks())
    assert (report.inserted, report.version) == (5, 0)
    assert lake.read("ticks").equals(ticks())
    assert [period for _path, period in lake.files("ticks")] == ["2024-01-31", "2024-02-01"]
    assert lake.upsert("ticks", ticks()).version == 0


def test_a_corrected_trade_replaces_the_one_before(lake: Lake) -> None:
    lake.upsert("ticks", ticks())
    report = lake.upsert("ticks", ticks().tail(1).with_columns(price=pl.lit(7, pl.Int64)))
    assert (report.restated, report.version) == (1, 1)
    assert lake.read("ticks")["price"].to_list()[-1] == 7
    assert lake.read("ticks", version=0).equals(ticks())


def test_sql_shows_real_prices_and_sizes(lake: Lake) -> None:
    instrument(lake)
    lake.upsert("ticks", ticks())
    with connect(lake, DuckDBSettings()) as connection:
        rows = connection.execute("SELECT trade_id, price, size, side FROM ticks ORDER BY trade_id").fetchall()
    assert rows[:2] == [(0, 100.0, 10.0, 1), (1, 100.01, 20.0, -1)]
