"""Reading: exactly the asked-for rows, in order, from one snapshot, without writing anything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.read import read, read_chunks
from tests.timescale.market import START, SYMBOLS, minute_bars

if TYPE_CHECKING:
    from tests.timescale.market import Hot


def test_symbols_and_times_choose_rows(any_hot: Hot) -> None:
    bars = minute_bars(12_000)
    load(any_hot.pool, "bars_1m", bars)
    start, end = START + timedelta(days=1), START + timedelta(days=8, minutes=3)
    for symbols in ((), (SYMBOLS[1],), SYMBOLS[:3], ("MSFT",)):
        wanted = bars.filter(pl.col("symbol").is_in(symbols or SYMBOLS), pl.col("ts") >= start, pl.col("ts") < end)
        assert read(any_hot.connection, "bars_1m", symbols=symbols, start=start, end=end).equals(wanted)


def test_an_empty_table_is_read_as_no_rows_of_its_columns(hot: Hot) -> None:
    frame = read(hot.connection, "ticks")
    assert frame.height == 0
    assert frame.schema == {
        "symbol": pl.String,
        "ts": pl.Datetime("us", "UTC"),
        "trade_id": pl.Int64,
        "price": pl.Int64,
        "size": pl.Int64,
        "side": pl.Int16,
    }


def test_chunks_come_one_by_one_and_none_sees_what_is_written_meanwhile(hot: Hot) -> None:
    bars = minute_bars(25_000)
    load(hot.pool, "bars_1m", bars)
    frames: list[pl.DataFrame] = []
    for frame in read_chunks(hot.connection, "bars_1m"):
        if not frames:
            load(hot.pool, "bars_1m", bars.with_columns(pl.col("close") + 1))
        frames.append(frame)
    assert len(frames) > 2
    assert pl.concat(frames).sort("symbol", "ts").equals(bars)


def test_a_server_that_allows_no_writing_at_all_can_be_read(hot: Hot) -> None:
    bars = minute_bars(100)
    load(hot.pool, "bars_1m", bars)
    hot.connection.execute("SET default_transaction_read_only = on")
    assert read(hot.connection, "bars_1m").equals(bars)


def test_a_table_without_chunks_of_its_own_is_read_too(hot: Hot) -> None:
    bars = minute_bars(100)
    load(hot.pool, "late_bars_1m", bars)
    assert read(hot.connection, "late_bars_1m").equals(bars)


def test_an_unknown_table_is_told_with_those_there_are(hot: Hot) -> None:
    with pytest.raises(UnknownNameError, match="there are: bars_1m"):
        read(hot.connection, "bars_2m")
