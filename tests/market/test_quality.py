"""Every check lets good bars pass, and finds its own defect with how often, where first and in words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.market.bars import to_scaled
from pi5_pipelines.market.calendars import sessions
from pi5_pipelines.market.quality import CHECKS, verdicts
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.sources.base import Piece

MONDAY = datetime(2024, 3, 4, tzinfo=UTC)
SESSIONS = sessions("XNYS", date(2024, 2, 26), date(2024, 3, 15))
GOOD = (True, 0, None, "ok")

Row = tuple[bool, int, datetime | None, str]


def judge(bars: pl.DataFrame, days: tuple[date, ...] = SESSIONS, *, max_missing_sessions: int = 0) -> dict[str, Row]:
    """The verdict of every check: passed, count, first_ts, detail."""
    found = verdicts("bars_1d", "A", bars, days, max_missing_sessions=max_missing_sessions)
    assert found.schema == dict(schema_of("verdicts").columns)
    assert found.select("table", "symbol").unique().rows() == [("bars_1d", "A")]
    assert found["check"].to_list() == list(CHECKS)
    return {name: (passed, count, ts, detail) for _table, _symbol, name, passed, count, ts, detail in found.iter_rows()}


def failed(bars: pl.DataFrame, days: tuple[date, ...] = SESSIONS) -> dict[str, Row]:
    return {name: row for name, row in judge(bars, days).items() if row != GOOD}


def set_in(bars: pl.DataFrame, row: int, **values: int) -> pl.DataFrame:
    """The bars with some values of one row replaced."""
    here = pl.int_range(pl.len()) == row
    return bars.with_columns(
        pl.when(here).then(pl.lit(value, pl.Int64)).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def test_good_bars_pass_every_check(week: pl.DataFrame) -> None:
    assert judge(week) == dict.fromkeys(CHECKS, GOOD)


@pytest.mark.parametrize("symbol", ["AAPL", "GOOG", "IBM", "MSFT"])
def test_the_sample_passes_every_check(sample: dict[str, Piece], symbol: str) -> None:
    bars = to_scaled(sample[symbol].bars, Instrument(symbol), symbol)
    days = bars["ts"].dt.date()
    assert judge(bars, sessions("XNYS", days[0], days[-1])) == dict.fromkeys(CHECKS, GOOD)


def test_a_time_that_is_there_twice_is_found(week: pl.DataFrame) -> None:
    twice = pl.concat([week[:2], week[1:]])
    when = MONDAY + timedelta(days=1)
    assert failed(twice) == {"duplicate_keys": (False, 1, when, "time is there twice: 2024-03-05 00:00")}


def test_bars_out_of_order_are_found(week: pl.DataFrame) -> None:
    detail = "lies before the bar it follows: 2024-03-04 00:00, 2024-03-06 00:00"
    assert failed(week[[1, 0, 3, 2, 4]]) == {"time_order": (False, 2, MONDAY, detail)}


@pytest.mark.parametrize(
    "values",
    [
        {"high": 99},
        {"high": 101},
        {"high": 111},
        {"low": 103},
        {"low": 200},
        {"open": 500},
        {"open": 50},
        {"close": 500},
        {"close": 50},
        {"volume": -1},
    ],
    ids=str,
)
def test_prices_and_volume_that_do_not_fit_are_found(week: pl.DataFrame, values: dict[str, int]) -> None:
    when = MONDAY + timedelta(days=2)
    detail = "high, low and volume do not fit: 2024-03-06 00:00"
    assert failed(set_in(week, 2, **values)) == {"ohlc_sanity": (False, 1, when, detail)}


def test_a_bar_of_one_price_without_volume_is_good(week: pl.DataFrame) -> None:
    assert failed(set_in(week, 2, open=5, high=5, low=5, close=5, volume=0)) == {}


@pytest.mark.parametrize("price", [0, -5])
def test_prices_of_zero_or_below_are_found(week: pl.DataFrame, price: int) -> None:
    detail = "a price is zero or below: 2024-03-05 00:00"
    assert failed(set_in(week, 1, low=price)) == {
        "positive_prices": (False, 1, MONDAY + timedelta(days=1), detail),
    }


def test_three_examples_are_shown_of_many(week: pl.DataFrame) -> None:
    detail = "a price is zero or below: 2024-03-04 00:00, 2024-03-05 00:00, 2024-03-06 00:00 ..."
    assert failed(week.with_columns(low=pl.lit(0, pl.Int64))) == {"positive_prices": (False, 5, MONDAY, detail)}


def test_a_session_without_a_bar_is_found(week: pl.DataFrame) -> None:
    gap = week[[0, 2, 4]]
    detail = "2 missing: 2024-03-05, 2024-03-07"
    assert failed(gap) == {"missing_sessions": (False, 2, MONDAY + timedelta(days=1), detail)}


def test_sessions_before_the_first_and_after_the_last_bar_are_not_missing(week: pl.DataFrame) -> None:
    assert SESSIONS[0] < MONDAY.date()
    assert failed(week[1:3]) == {}


def test_daily_bars_beside_sessions_are_found_and_are_not_missing_any(week: pl.DataFrame) -> None:
    detail = "the exchange did not trade on: 2024-03-05, 2024-03-06, 2024-03-07 ..."
    assert failed(week, (MONDAY.date(),)) == {"off_session_bars": (False, 4, MONDAY + timedelta(days=1), detail)}


def test_shorter_bars_may_begin_before_their_session_s_day(week: pl.DataFrame) -> None:
    found = verdicts("bars_1h", "A", week, (MONDAY.date(),))
    assert found.filter(~pl.col("passed")).is_empty()


def test_some_missing_sessions_may_be_let_pass(week: pl.DataFrame) -> None:
    gap = week[[0, 2, 4]]
    passed = {limit: judge(gap, max_missing_sessions=limit)["missing_sessions"][:2] for limit in (1, 2, 3)}
    assert passed == {1: (False, 2), 2: (True, 2), 3: (True, 2)}


def test_no_bars_are_a_failure(week: pl.DataFrame) -> None:
    assert failed(week.clear()) == {"missing_sessions": (False, 1, None, "no bars at all")}


@pytest.mark.parametrize(
    ("change", "count", "detail"),
    [
        (lambda bars: bars.drop("low"), 1, "low is missing"),
        (lambda bars: bars.with_columns(pl.col("close").cast(pl.Float64)), 1, "close is Float64"),
        (lambda bars: bars.drop("low", "high"), 2, "high is missing; low is missing"),
        (
            lambda bars: bars.with_columns(pl.col("ts").dt.replace_time_zone(None)),
            1,
            "ts is Datetime(time_unit='us', time_zone=None)",
        ),
        (
            lambda bars: bars.with_columns(pl.when(pl.col("open") > 101).then("open")),
            1,
            "open has 2 empty values",
        ),
    ],
    ids=["column", "type", "columns", "zone", "empty"],
)
def test_a_wrong_schema_is_found_and_leaves_the_rest_unjudged(
    week: pl.DataFrame, change: Callable[[pl.DataFrame], pl.DataFrame], count: int, detail: str
) -> None:
    found = judge(change(week))
    assert found.pop("schema") == (False, count, None, detail)
    assert found == dict.fromkeys(CHECKS[1:], (False, 0, None, "not judged: the schema is wrong"))


def test_several_defects_are_found_side_by_side(week: pl.DataFrame) -> None:
    bad = set_in(week[[0, 0, 2, 4, 3]], 2, low=0, volume=-1)
    assert {name: row[1] for name, row in failed(bad).items()} == {
        "duplicate_keys": 1,
        "time_order": 1,
        "ohlc_sanity": 1,
        "positive_prices": 1,
        "missing_sessions": 1,
    }
