"""Tables: idempotent upserts, versions, restatements, clear refusals."""

from __future__ import annotations

import multiprocessing
import os
from datetime import date
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.errors import LakeError, LakeLockedError, UnknownNameError
from pi5_pipelines.lake import durability, table
from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.synchronize import Event
    from pathlib import Path

Make = "Callable[..., pl.DataFrame]"


def test_what_goes_in_comes_out_sorted(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    frame = bars()
    report = lake.upsert("bars_1d", frame.sample(fraction=1.0, shuffle=True, seed=1))
    assert (report.inserted, report.restated, report.unchanged, report.version) == (20, 0, 0, 0)
    assert lake.read("bars_1d").equals(frame.sort("symbol", "ts"))
    assert {period for _path, period in lake.files("bars_1d")} == {"2023", "2024"}


def test_the_same_rows_again_make_no_version(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    again = lake.upsert("bars_1d", bars())
    assert (again.inserted, again.unchanged, again.version) == (0, 20, 0)


def test_a_restated_bar_is_a_new_version_and_is_written_down(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    one = bars(days=1, symbols=("B",), first=2).with_columns(close=pl.lit(999, pl.Int64))
    report = lake.upsert("bars_1d", one)
    assert (report.restated, report.version) == (1, 1)
    assert lake.read("bars_1d", symbols=["B"])["close"][2] == 999
    assert lake.read("bars_1d", version=0, symbols=["B"])["close"][2] == 1_000_002
    row = lake.read("restatements").row(0, named=True)
    assert (row["symbol"], row["column"], row["old"], row["new"], row["from_version"]) == (
        "B",
        "close",
        1_000_002,
        999,
        0,
    )


def test_untouched_partitions_keep_their_files(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    before = {period: path for path, period in lake.files("bars_1d")}
    lake.upsert("bars_1d", bars(days=3, first=10))
    after = {period: path for path, period in lake.files("bars_1d")}
    assert after["2023"] == before["2023"]
    assert after["2024"] != before["2024"]


def test_reads_days_and_symbols_with_both_ends_included(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    found = lake.read("bars_1d", symbols=["A"], start=date(2023, 12, 30), end=date(2024, 1, 1))
    assert found["ts"].dt.date().to_list() == [date(2023, 12, 30), date(2023, 12, 31), date(2024, 1, 1)]


def test_large_input_goes_in_several_whole_commits(
    lake: Lake, bars: Callable[..., pl.DataFrame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROWS_PER_COMMIT", 10)
    report = lake.upsert("bars_1d", bars())
    assert (report.inserted, report.version) == (20, 1)
    assert report.by_symbol.rows() == [("A", 10, 0, 0), ("B", 10, 0, 0)]
    assert lake.read("bars_1d").height == 20


days = st.lists(st.tuples(st.integers(0, 12), st.integers(1, 5)), max_size=12, unique_by=lambda pair: pair[0])


@given(batches=st.lists(days, min_size=1, max_size=4))
def test_any_order_of_upserts_ends_like_a_dictionary(
    batches: list[list[tuple[int, int]]], tmp_path_factory: pytest.TempPathFactory, bars: Callable[..., pl.DataFrame]
) -> None:
    lake = Lake(tmp_path_factory.mktemp("lake"))
    model: dict[object, int] = {}
    for batch in batches:
        frames = [bars(days=1, symbols=("A",), first=day, close=1000 * value) for day, value in batch]
        if not frames:
            continue
        frame = pl.concat(frames)
        report = lake.upsert("bars_1d", frame)
        new = dict(frame.select("ts", "open").iter_rows())
        assert report.inserted == len(new.keys() - model.keys())
        assert report.unchanged == sum(model.get(ts) == value for ts, value in new.items())
        model |= new
    assert dict(lake.read("bars_1d").select("ts", "open").iter_rows()) == model


def test_contradicting_rows_are_refused_by_key(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    twice = pl.concat([bars(days=1), bars(days=1, close=7)])
    with pytest.raises(LakeError, match=r"two different rows for symbol A, ts 2023-12-28"):
        lake.upsert("bars_1d", twice)
    assert lake.version("bars_1d") is None


def test_missing_columns_and_empty_keys_are_refused(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    with pytest.raises(LakeError, match="rows lack volume"):
        lake.upsert("bars_1d", bars().drop("volume"))
    with pytest.raises(LakeError, match="rows without a key"):
        lake.upsert("bars_1d", bars().with_columns(symbol=pl.lit(None, pl.String)))


def test_unknown_tables_and_versions_are_refused(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    with pytest.raises(UnknownNameError, match=r"no such table: '\.\./etc'"):
        lake.read("../etc")
    with pytest.raises(UnknownNameError, match=r"no version 7 \(there are versions 0 to 0\)"):
        lake.read("bars_1d", version=7)


def test_replace_writes_only_when_something_changed(lake: Lake) -> None:
    rows = {"symbol": ["A"], "tick_size": ["0.01"], "price_scale": [4], "size_scale": [0], "lot": ["1"]}
    frame = pl.DataFrame({**rows, "currency": ["USD"], "calendar": ["XNYS"], "venue": ["NYSE"]})
    assert [lake.replace("instruments", frame) for _ in range(2)] == [0, 0]
    assert lake.replace("instruments", frame.with_columns(lot=pl.lit("10"))) == 1


def test_history_tells_when_and_why(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars(), note={"source": "test"})
    (only,) = lake.history("bars_1d")
    assert (only.version, only.note) == (0, {"source": "test"})


def hold(root: Path, held: Event, done: Event) -> None:
    with durability.write_lock(root, "bars_1d", 1.0):
        held.set()
        done.wait(30)


def test_a_second_writer_is_told_who_holds_the_table(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    context = multiprocessing.get_context("spawn")
    held, done = context.Event(), context.Event()
    process = context.Process(target=hold, args=(lake.root, held, done))
    process.start()
    try:
        assert held.wait(30)
        with pytest.raises(LakeLockedError, match=f"process {process.pid} has been writing"):
            lake.upsert("bars_1d", bars())
    finally:
        done.set()
        process.join(30)
    assert lake.upsert("bars_1d", bars()).inserted == 20


def test_rows_take_few_bytes(lake: Lake) -> None:
    import numpy as np

    rng, n = np.random.default_rng(0), 20_000
    parts = []
    for symbol in range(5):
        close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.0005, n))), 2)
        high = close + np.round(rng.exponential(0.03, n), 2)
        low = close - np.round(rng.exponential(0.03, n), 2)
        opens = np.concatenate([close[:1], close[:-1]])
        scaled = {
            k: np.round(v * 1e4).astype(np.int64)
            for k, v in zip(
                ("open", "high", "low", "close"),
                (opens, np.maximum(high, opens), np.minimum(low, opens), close),
                strict=True,
            )
        }
        ts = pl.Series(np.arange(n) * 60_000_000 + 1_700_000_000_000_000).cast(pl.Datetime("us", "UTC"))
        parts.append(
            pl.DataFrame({"symbol": [f"S{symbol}"] * n, "ts": ts, **scaled, "volume": rng.integers(1, 5_000, n)})
        )
    lake.upsert("bars_1m", pl.concat(parts))
    (info,) = lake.tables()
    assert info.bytes / info.rows <= 9.5


def test_a_full_disk_is_one_clear_error_and_the_table_stays(
    bars: Callable[..., pl.DataFrame], small_disk: Path
) -> None:
    lake = Lake(small_disk / "lake")
    lake.upsert("bars_1d", bars())
    (small_disk / "ballast").write_bytes(os.urandom(small_disk_free(small_disk) - 4096))
    with pytest.raises(LakeError, match="cannot be written"):
        lake.upsert("bars_1d", bars(days=400, first=10))
    (small_disk / "ballast").unlink()
    assert lake.read("bars_1d").equals(bars().sort("symbol", "ts"))
    assert lake.upsert("bars_1d", bars(days=400, first=10)).inserted == 800


def small_disk_free(folder: Path) -> int:
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize
