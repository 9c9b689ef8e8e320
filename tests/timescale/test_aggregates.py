"""Hours and days of minutes: the same names and answers on both editions, also after late and restated rows."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest
from psycopg import sql

from pi5_pipelines.market.bars import resample
from pi5_pipelines.timescale.aggregates import AGGREGATES, put, refresh
from pi5_pipelines.timescale.edition import Edition, detect
from pi5_pipelines.timescale.load import load
from tests.timescale.market import START, minute_bars

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.timescale.market import Hot

TIMEFRAMES = {"hours_of_minutes": "1h", "days_of_minutes": "1d"}
SYMBOLS = ("AAPL", "€/円")
IS_CONTINUOUS = "SELECT count(*) FROM timescaledb_information.continuous_aggregates"


def answers(hot: Hot, name: str) -> list[tuple[object, ...]]:
    columns = "symbol, extract(epoch FROM ts)::bigint, open, high, low, close, volume"
    query = sql.SQL("SELECT {} FROM {} ORDER BY 1, 2").format(sql.SQL(columns), sql.Identifier(name))
    return list(hot.connection.execute(query).fetchall())


def computed(bars: pl.DataFrame, name: str) -> list[tuple[object, ...]]:
    """The same by a plain computation."""
    made = resample(bars, TIMEFRAMES[name]).sort("symbol", "ts")
    return made.with_columns(pl.col("ts").dt.epoch("s")).rows()


def last_of(*frames: pl.DataFrame) -> pl.DataFrame:
    """Rows by key, the later frame's where there are two."""
    return pl.concat(frames).unique(["symbol", "ts"], keep="last").sort("symbol", "ts")


def agree(hot: Hot, bars: pl.DataFrame, names: Sequence[str] = tuple(TIMEFRAMES)) -> bool:
    return all(answers(hot, name) == computed(bars, name) for name in names)


def test_they_answer_as_a_plain_computation_does_before_and_after_a_refresh(any_hot: Hot) -> None:
    edition = detect(any_hot.connection)
    assert any_hot.one(IS_CONTINUOUS) == (len(AGGREGATES) if edition.compresses else 0)
    refresh(any_hot.connection, edition)
    assert agree(any_hot, minute_bars(0, SYMBOLS))
    bars = minute_bars(4_000, SYMBOLS)
    load(any_hot.pool, "bars_1m", bars)
    assert agree(any_hot, bars)
    stored = refresh(any_hot.connection, edition)
    assert all((one.stored_until is not None) == edition.compresses for one in stored)
    assert agree(any_hot, bars)


def test_late_and_restated_rows_are_in_the_answer_after_a_refresh(any_hot: Hot) -> None:
    edition = detect(any_hot.connection)
    whole = minute_bars(4_000, SYMBOLS)
    bars = whole.filter(pl.col("ts").dt.hour() != 7)
    load(any_hot.pool, "bars_1m", bars)
    refresh(any_hot.connection, edition)
    late = whole.filter(pl.col("ts").dt.hour() == 7)
    restated = bars.head(90).with_columns(pl.col("high") + 1_000_000, pl.col("volume") * 2)
    load(any_hot.pool, "bars_1m", last_of(late, restated))
    refresh(any_hot.connection, edition)
    assert agree(any_hot, last_of(bars, late, restated))
    newest = minute_bars(90, SYMBOLS, START + timedelta(minutes=4_000))
    load(any_hot.pool, "bars_1m", newest)
    assert agree(any_hot, last_of(bars, late, restated, newest))  # the last bucket is computed when asked for


def test_dropped_chunks_leave_both_editions_with_the_same_answer(any_hot: Hot) -> None:
    edition = detect(any_hot.connection)
    bars = minute_bars(16 * 1_440, ("AAPL",))
    load(any_hot.pool, "bars_1m", bars)
    refresh(any_hot.connection, edition)
    any_hot.connection.execute("SELECT drop_chunks('bars_1m', older_than => '2024-01-04 00:00+00'::timestamptz)")
    refresh(any_hot.connection, edition)
    left = bars.filter(pl.col("ts") >= START + timedelta(days=3))
    assert 0 < left.height < bars.height
    assert agree(any_hot, left)


def test_views_become_continuous_once_the_edition_has_them(community_hot: Hot) -> None:
    for name in reversed(TIMEFRAMES):
        community_hot.connection.execute(f"DROP MATERIALIZED VIEW {name} CASCADE".encode())
    assert put(community_hot.connection, Edition("apache", "2.19.3", "17")) == tuple(TIMEFRAMES)
    assert community_hot.one(IS_CONTINUOUS) == 0
    bars = minute_bars(2_000, SYMBOLS)
    load(community_hot.pool, "bars_1m", bars)
    assert agree(community_hot, bars)
    community = detect(community_hot.connection)
    assert put(community_hot.connection, community) == tuple(TIMEFRAMES)
    assert put(community_hot.connection, community) == ()
    assert community_hot.one(IS_CONTINUOUS) == 2
    refresh(community_hot.connection, community)
    assert agree(community_hot, bars)


@pytest.mark.parametrize("name", TIMEFRAMES)
def test_they_can_be_read_in_real_prices_by_readers_and_are_the_owners(any_hot: Hot, name: str) -> None:
    load(any_hot.pool, "bars_1m", minute_bars(10, ("AAPL",)))
    together = sql.SQL("SELECT a.close, b.close FROM {} AS a JOIN {} AS b USING (symbol, ts)")
    query = together.format(sql.Identifier(name), sql.Identifier(f"{name}_readable"))
    ((scaled, real),) = any_hot.connection.execute(query).fetchall()
    assert scaled == real * 10_000
    for one in (name, f"{name}_readable"):
        assert any_hot.one("SELECT has_table_privilege('pi5_reader', %s, 'SELECT')", one)
        assert any_hot.one("SELECT relowner::regrole::text FROM pg_class WHERE relname = %s", one) == "pi5_owner"
