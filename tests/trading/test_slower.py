"""Slower bars built bar by bar are those of the whole history, and never more than what has closed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.bar import Bar
from trading.slower import DAY_US, HOUR_US, SLOWER_SIZE, WEEK_US, period_start, slower_bar, slower_count, slower_push

EVERY = {HOUR_US: "1h", 4 * HOUR_US: "4h", DAY_US: "1d", WEEK_US: "1w"}
gaps = st.lists(st.integers(1, 200), min_size=1, max_size=80)


def bars_at(minutes: list[int], start_us: int) -> list[Bar]:
    """Bars a quarter of an hour or more apart, no two alike."""
    bars, ts_us = [], start_us
    for k, gap in enumerate(minutes):
        ts_us += gap * 15 * 60_000_000
        middle = 100.0 + (k * 37 % 23) - 0.5 * (k % 7)
        bars.append(Bar(ts_us, middle - 0.25, middle + 1.0 + k % 3, middle - 1.0 - k % 5, middle + 0.5, 10.0 + k))
    return bars


def resampled(bars: list[Bar], length_us: int) -> pl.DataFrame:
    """The same by a plain resampling of the whole history."""
    frame = pl.DataFrame(bars, schema=Bar._fields, orient="row").with_columns(
        ts=pl.col("ts_us").cast(pl.Datetime("us"))
    )
    return (
        frame.group_by_dynamic("ts", every=EVERY[length_us], start_by="window")
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
        .with_columns(pl.col("ts").dt.epoch("us"))
    )


@pytest.mark.parametrize("length_us", list(EVERY))
@given(gaps=gaps, start=st.integers(0, 20_000))
def test_what_has_closed_is_the_resampling_of_the_whole_history(length_us: int, gaps: list[int], start: int) -> None:
    bars = bars_at(gaps, start * DAY_US + 7 * HOUR_US)
    whole = resampled(bars, length_us)
    state = [0.0] * SLOWER_SIZE
    for bar in bars:
        before = slower_count(state, 0)
        closed = slower_push(state, 0, length_us, bar)
        done = whole.filter(pl.col("ts") < period_start(bar.ts_us, length_us))
        assert slower_count(state, 0) == done.height
        assert closed is (done.height > before)
        if done.height:
            assert tuple(slower_bar(state, 0)) == done.row(-1)


@given(gaps=gaps, cut=st.integers(1, 80))
def test_later_bars_change_nothing_of_what_was_known(gaps: list[int], cut: int) -> None:
    bars = bars_at(gaps, 0)
    states = []
    for known in (bars, bars[:cut]):
        state, seen = [0.0] * SLOWER_SIZE, []
        for bar in known:
            slower_push(state, 0, DAY_US, bar)
            seen.append(slower_bar(state, 0))
        states.append(seen)
    assert states[0][:cut] == states[1]


@given(st.integers(0, 40_000))
def test_weeks_begin_on_mondays(day: int) -> None:
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=period_start(day * DAY_US, WEEK_US))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day)
    assert start.weekday() == 0
    assert timedelta(0) <= moment - start < timedelta(days=7)


def test_two_slower_timeframes_keep_apart() -> None:
    state = [0.0] * (2 * SLOWER_SIZE)
    for bar in bars_at([4] * 60, 0):
        slower_push(state, 0, HOUR_US, bar)
        slower_push(state, SLOWER_SIZE, DAY_US, bar)
    assert (slower_count(state, 0), slower_count(state, SLOWER_SIZE)) == (59, 2)
