"""Loading: every row once, whatever is sent again, changed, late, or sent by two at the same time."""

from __future__ import annotations

import threading
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.read import read
from tests.timescale.market import START, SYMBOLS, Hot, minute_bars

DEAD = """
SELECT coalesce(sum((pgstattuple(format('%I.%I', chunk_schema, chunk_name)::regclass)).dead_tuple_count), 0)
FROM timescaledb_information.chunks WHERE hypertable_name = 'bars_1m'
"""
COMPRESS = """ALTER TABLE bars_1m SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol',
              timescaledb.compress_orderby = 'ts')"""
COMPRESS_ALL = "SELECT count(compress_chunk(chunk)) FROM show_chunks('bars_1m') AS chunk"


def test_what_is_read_is_what_was_loaded_whatever_its_symbols(any_hot: Hot) -> None:
    bars = minute_bars(12_000)  # two chunks
    report = load(any_hot.pool, "bars_1m", bars, rows_per_commit=7_000)
    assert (report.inserted, report.restated, report.unchanged) == (bars.height, 0, 0)
    assert read(any_hot.connection, "bars_1m").equals(bars)


def test_rows_sent_again_change_nothing_and_leave_no_dead_tuple(hot: Hot) -> None:
    bars = minute_bars(12_000)
    load(hot.pool, "bars_1m", bars)
    size = hot.one("SELECT hypertable_size('bars_1m')")
    report = load(hot.pool, "bars_1m", bars, rows_per_commit=9_000)
    assert (report.inserted, report.restated, report.unchanged) == (0, 0, bars.height)
    hot.connection.execute("CREATE EXTENSION pgstattuple")
    assert hot.one(DEAD) == 0
    assert hot.one("SELECT hypertable_size('bars_1m')") == size


def test_only_rows_that_differ_are_restated(any_hot: Hot) -> None:
    bars = minute_bars(3_000)
    load(any_hot.pool, "bars_1m", bars[::2])
    changed = bars.with_columns(pl.col("volume") + (pl.int_range(pl.len()) % 100 == 0).cast(pl.Int64))
    report = load(any_hot.pool, "bars_1m", changed)
    assert (report.inserted, report.restated) == (bars.height // 2, bars.height // 100)
    assert read(any_hot.connection, "bars_1m").equals(changed)


def test_a_few_rows_far_apart_among_many_are_compared_too(any_hot: Hot) -> None:
    bars = minute_bars(3_000)
    load(any_hot.pool, "bars_1m", bars.filter(pl.col("ts") != START + timedelta(minutes=1_500)))
    few = bars.gather_every(1_500)  # the first, the lacking one in the middle, for every symbol
    few = few.with_columns(close=pl.when(pl.col("symbol") == SYMBOLS[0]).then(1).otherwise("close"))
    report = load(any_hot.pool, "bars_1m", pl.concat([few, bars.filter(pl.col("ts") == pl.col("ts").max())]))
    assert (report.inserted, report.restated, report.unchanged) == (4, 1, 7)
    wanted = pl.concat([few, bars.join(few, on=["symbol", "ts"], how="anti")]).sort("symbol", "ts")
    assert read(any_hot.connection, "bars_1m").equals(wanted)


def test_rows_in_any_order_and_twice_are_sorted_and_taken_once(hot: Hot) -> None:
    bars = minute_bars(500)
    mixed = pl.concat([bars, bars]).sample(fraction=1.0, shuffle=True, seed=3)
    assert load(hot.pool, "bars_1m", mixed).inserted == bars.height
    assert read(hot.connection, "bars_1m").equals(bars)


def test_ticks_have_a_key_of_three_and_a_smaller_column(any_hot: Hot) -> None:
    ticks = pl.DataFrame(
        {
            "symbol": ["AAPL"] * 4,
            "ts": [START, START, START, START + timedelta(days=1)],
            "trade_id": [1, 2, 3, -(2**63)],
            "price": [10, 10, 2**63 - 1, 10],
            "size": [5, 5, 5, 0],
            "side": [1, -1, 0, 1],
        },
        schema_overrides={"side": pl.Int16},
    )
    assert load(any_hot.pool, "ticks", ticks).inserted == 4
    assert load(any_hot.pool, "ticks", ticks).unchanged == 4
    assert read(any_hot.connection, "ticks").equals(ticks.sort("symbol", "ts", "trade_id"))


def test_late_rows_go_into_compressed_chunks_and_what_is_there_stays_compressed(community_hot: Hot) -> None:
    hot = community_hot
    bars = minute_bars(30_000)
    load(hot.pool, "bars_1m", bars[::2])
    hot.connection.execute(COMPRESS)
    assert hot.one(COMPRESS_ALL) > 2
    size = hot.one("SELECT hypertable_size('bars_1m')")
    assert load(hot.pool, "bars_1m", bars[::2]).unchanged == bars.height // 2
    assert hot.one("SELECT hypertable_size('bars_1m')") == size  # nothing was decompressed
    report = load(hot.pool, "bars_1m", bars)
    # 60,000 rows between all the others: more than one transaction may take, in every compressed batch
    assert (report.inserted, report.restated) == (bars.height // 2, 0)
    assert read(hot.connection, "bars_1m").equals(bars)


@pytest.mark.slow
@pytest.mark.proof
def test_two_hundred_thousand_late_rows_go_into_compressed_chunks(community_hot: Hot) -> None:
    hot = community_hot
    bars = minute_bars(100_000)
    load(hot.pool, "bars_1m", bars[::2])
    hot.connection.execute(COMPRESS)
    assert hot.one(COMPRESS_ALL) > 2
    assert load(hot.pool, "bars_1m", bars[1::2]).inserted == 200_000
    assert read(hot.connection, "bars_1m").equals(bars)
    assert hot.one("SELECT count(*) FROM bars_1m") == bars.height


def test_two_loaders_of_the_same_rows_store_each_once(hot: Hot) -> None:
    bars = minute_bars(20_000)
    together = threading.Barrier(2)
    inserted = []

    def run() -> None:
        together.wait()
        inserted.append(load(hot.pool, "bars_1m", bars, rows_per_commit=5_000).inserted)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(inserted) == bars.height
    assert read(hot.connection, "bars_1m").equals(bars)


def test_a_long_load_tells_how_far_it_is(hot: Hot) -> None:
    bars = minute_bars(1_000)
    heard: list[tuple[int, int, str]] = []
    frames = (bars[at : at + 2_000] for at in range(0, bars.height, 2_000))
    load(hot.pool, "bars_1m", frames, total=bars.height, progress=lambda *told: heard.append(told))
    assert heard == [(2_000, 4_000, "bars_1m"), (4_000, 4_000, "bars_1m")]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rounds=st.lists(
        st.lists(st.tuples(st.sampled_from(SYMBOLS), st.integers(0, 40_000), st.integers(-9, 9)), max_size=30),
        min_size=1,
        max_size=4,
    )
)
def test_after_any_loads_the_table_holds_the_last_row_of_every_key(
    hot: Hot, rounds: list[list[tuple[str, int, int]]]
) -> None:
    hot.connection.execute("TRUNCATE bars_1m")
    wanted: dict[tuple[str, int], int] = {}
    for rows in rounds:
        once = {(symbol, minute): value for symbol, minute, value in rows}
        wanted |= once
        load(hot.pool, "bars_1m", frame_of(once), rows_per_commit=7)
    found = read(hot.connection, "bars_1m")
    assert found.equals(frame_of(wanted).sort("symbol", "ts"))


def frame_of(rows: dict[tuple[str, int], int]) -> pl.DataFrame:
    values = list(rows.values())
    return pl.DataFrame(
        {
            "symbol": [symbol for symbol, _ in rows],
            "ts": [START + timedelta(minutes=minute) for _, minute in rows],
            **dict.fromkeys(("open", "high", "low", "close", "volume"), values),
        },
        schema={
            "symbol": pl.String,
            "ts": pl.Datetime("us", "UTC"),
            **dict.fromkeys(("open", "high", "low", "close", "volume"), pl.Int64),
        },
    )
