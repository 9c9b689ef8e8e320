"""Compaction and vacuum: fewer files, the same rows, no version for nothing, and time travel within the kept days."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from deltalake import write_deltalake

from pi5_pipelines.errors import LakeDamagedError, UnknownNameError
from pi5_pipelines.lake import compaction, durability
from pi5_pipelines.lake.compaction import compact, vacuum
from pi5_pipelines.lake.query import check_reading, connect
from pi5_pipelines.settings import DuckDBSettings

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.lake.table import Lake


def test_nothing_to_do_makes_no_version(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    assert compact(lake, "bars_1d").files_after == 2
    assert vacuum(lake, "bars_1d", 1).files == 0
    assert lake.version("bars_1d") == 0


def test_several_files_of_a_partition_become_one(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    more = bars(days=3, first=10).with_columns(period=pl.lit("2024"))
    write_deltalake(lake.root / "bars_1d", more, mode="append", partition_by=["period"])
    rows = lake.read("bars_1d")
    report = compact(lake, "bars_1d")
    assert (report.files_before, report.files_after) == (3, 2)
    assert lake.read("bars_1d").equals(rows)
    assert pl.read_parquet(lake.files("bars_1d")[-1][0])["symbol"].is_sorted()


def test_vacuum_keeps_what_kept_days_need(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    lake.upsert("bars_1d", bars(close=5))
    assert vacuum(lake, "bars_1d", 1).files == 0
    assert lake.read("bars_1d", version=0).equals(bars().sort("symbol", "ts"))
    report = vacuum(lake, "bars_1d", 0)
    assert report.files == 2
    assert report.bytes > 0
    assert lake.read("bars_1d").equals(bars(close=5).sort("symbol", "ts"))
    with pytest.raises(LakeDamagedError, match="may have been vacuumed"):
        lake.read("bars_1d", version=0)


def test_a_torn_checkpoint_is_dropped(
    lake: Lake, bars: Callable[..., pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compaction, "VERSIONS_PER_CHECKPOINT", 2)
    for close in (1, 2, 3):
        lake.upsert("bars_1d", bars(close=close * 1000))
    compact(lake, "bars_1d")
    log = lake.root / "bars_1d" / durability.LOG
    (checkpoint,) = log.glob("*.checkpoint.parquet")
    assert lake.read("bars_1d").equals(bars(close=3000).sort("symbol", "ts"))
    checkpoint.write_bytes(b"")
    durability.marker(lake.root, "bars_1d").write_text("-1")
    assert lake.read("bars_1d").equals(bars(close=3000).sort("symbol", "ts"))
    assert not (log / durability.LAST_CHECKPOINT).exists()


def test_sql_sees_real_prices(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars(symbols=("A",)))
    rows = {"symbol": ["A"], "tick_size": ["0.01"], "price_scale": [4], "size_scale": [0], "lot": ["1"]}
    lake.upsert("instruments", pl.DataFrame({**rows, "currency": ["USD"], "calendar": ["XNYS"], "venue": ["NYSE"]}))
    with connect(lake, DuckDBSettings()) as connection:
        answer = connection.execute("SELECT min(open), count(*) FROM bars_1d").fetchall()
    assert answer == [(99.9995, 10)]


@pytest.mark.parametrize("query", ["DROP TABLE x", "COPY bars_1d TO 'x'", "", "SELECT 1; DROP TABLE x", "ATTACH 'x'"])
def test_sql_that_does_more_than_read_is_refused(query: str) -> None:
    with pytest.raises(UnknownNameError):
        check_reading(query)


@pytest.mark.parametrize("query", ["SELECT 1", " with a as (select 1) from a", "(SELECT 1)", "FROM x"])
def test_reading_sql_is_let_through(query: str) -> None:
    check_reading(query)
