"""Trading days: the holidays everybody knows, and the refusal of what no calendar knows."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from pi5_pipelines.errors import DataRangeError, UnknownNameError
from pi5_pipelines.market.calendars import sessions


def test_new_york_was_closed_after_the_attacks_of_2001() -> None:
    assert sessions("XNYS", date(2001, 9, 10), date(2001, 9, 17)) == (date(2001, 9, 10), date(2001, 9, 17))


@pytest.mark.parametrize(
    "holiday",
    [date(2012, 10, 29), date(2012, 10, 30), date(2007, 1, 2), date(2004, 6, 11), date(2012, 7, 4), date(2024, 3, 29)],
    ids=["storm", "storm", "Ford", "Reagan", "independence", "Good Friday"],
)
def test_new_york_was_closed_on_single_days(holiday: date) -> None:
    around = sessions("XNYS", holiday - timedelta(days=7), holiday + timedelta(days=7))
    assert holiday.weekday() < 5
    assert holiday not in around
    assert len(around) >= 8


def test_a_year_has_its_number_of_trading_days() -> None:
    years = {year: len(sessions("XNYS", date(year, 1, 1), date(year, 12, 31))) for year in (2000, 2001, 2012, 2024)}
    assert years == {2000: 252, 2001: 248, 2012: 250, 2024: 252}


def test_both_ends_are_included() -> None:
    found = sessions("XNYS", date(2024, 3, 4), date(2024, 3, 8))
    assert found == tuple(date(2024, 3, day) for day in range(4, 9))


def test_a_range_may_be_one_day() -> None:
    assert sessions("XNYS", date(2024, 3, 4), date(2024, 3, 4)) == (date(2024, 3, 4),)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2024, 3, 9), date(2024, 3, 10)),
        (date(2001, 9, 11), date(2001, 9, 14)),
        (date(2024, 3, 9), date(2024, 3, 9)),
        (date(2024, 3, 8), date(2024, 3, 4)),
    ],
    ids=["weekend", "closure", "one day", "wrong way round"],
)
def test_a_range_may_hold_no_sessions(start: date, end: date) -> None:
    assert sessions("XNYS", start, end) == ()


def test_round_the_clock_trades_every_day() -> None:
    found = sessions("24/7", date(2024, 2, 26), date(2024, 3, 3))
    assert found == tuple(date(2024, 2, 26) + timedelta(days=n) for n in range(7))


def test_another_exchange_keeps_its_own_holidays() -> None:
    easter_monday = (date(2024, 4, 1), date(2024, 4, 2))
    assert sessions("XLON", *easter_monday) == (date(2024, 4, 2),)
    assert sessions("XNYS", *easter_monday) == easter_monday


@pytest.mark.parametrize("name", ["NOPE", "", "../etc"])
def test_an_unknown_calendar_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        sessions(name, date(2024, 3, 4), date(2024, 3, 8))
    assert caught.value.what == f"no such exchange calendar: {name!r}"
    assert '"XNYS"' in caught.value.hint


@pytest.mark.parametrize(("name", "year"), [("XHKG", 1950), ("XNYS", 2600)])
def test_days_that_a_calendar_does_not_know_are_refused(name: str, year: int) -> None:
    with pytest.raises(DataRangeError, match=f"exchange calendar {name}: its holidays are not known from {year}-01-05"):
        sessions(name, date(year, 1, 5), date(year, 1, 20))
