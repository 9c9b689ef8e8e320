"""Hours in local time: both changes of the clocks, weekends, and hours that go past midnight."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from live_engine.risk.hours import is_open, parse_hours

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")


def ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def opened(hours: str, moment: str, zone: ZoneInfo = NEW_YORK, *, weekends: bool = False) -> bool:
    return is_open(parse_hours(hours), zone, ns(moment), weekends=weekends)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2025-11-25T14:29:59", False),
        ("2025-11-25T14:30:00", True),
        ("2025-11-25T20:59:59", True),
        ("2025-11-25T21:00:00", False),
    ],
)
def test_the_first_minute_is_inside_and_the_last_is_not(moment: str, *, inside: bool) -> None:
    assert opened("09:30-16:00", moment) == inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2025-03-07T13:30:00", False),  # Friday before the change: 08:30
        ("2025-03-07T14:30:00", True),
        ("2025-03-10T13:30:00", True),  # Monday after it: 09:30
        ("2025-10-31T13:30:00", True),  # Friday before the change back: 09:30
        ("2025-11-03T13:30:00", False),  # Monday after it: 08:30
        ("2025-11-03T14:30:00", True),
    ],
)
def test_hours_follow_the_clocks_of_their_place(moment: str, *, inside: bool) -> None:
    assert opened("09:30-16:00", moment) == inside


def test_the_hour_that_comes_twice_is_inside_twice_and_the_skipped_one_never() -> None:
    for moment in ("2025-10-26T00:30:00", "2025-10-26T01:30:00"):  # 02:30 in Berlin, a Sunday, twice
        assert opened("02:00-03:00", moment, BERLIN, weekends=True)
    for minute in range(0, 60, 5):
        moment = f"2025-03-30T01:{minute:02d}:00"  # 03:00 to 03:59: there is no 02:xx on that day
        assert not opened("02:00-03:00", moment, BERLIN, weekends=True)


@pytest.mark.parametrize(("day", "inside"), [("2025-11-21", True), ("2025-11-22", False), ("2025-11-23", False)])
def test_weekends_are_closed_unless_they_are_asked_for(day: str, *, inside: bool) -> None:
    assert opened("09:30-16:00", f"{day}T15:00:00") == inside
    assert opened("09:30-16:00", f"{day}T15:00:00", weekends=True)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2025-11-20T21:00:00", True),  # Thursday 22:00
        ("2025-11-21T05:00:00", False),  # Friday 06:00
        ("2025-11-21T21:00:00", True),  # Friday 22:00
        ("2025-11-22T04:59:59", True),  # Saturday 05:59, of Friday's hours
        ("2025-11-22T21:00:00", False),  # Saturday 22:00
        ("2025-11-24T04:00:00", False),  # Monday 05:00, of Sunday's hours
        ("2025-11-24T21:00:00", True),
    ],
)
def test_hours_past_midnight_belong_to_the_day_on_which_they_begin(moment: str, *, inside: bool) -> None:
    assert opened("22:00-06:00", moment, BERLIN) == inside


def test_a_day_may_end_at_24() -> None:
    assert opened("00:00-24:00", "2025-11-25T23:59:59", ZoneInfo("UTC"))


@pytest.mark.parametrize(
    "text", ["9:30-16:00", "09:30", "09:30-25:00", "09:60-10:00", "24:00-06:00", "10:00-10:00", " "]
)
def test_what_are_no_hours_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"09:30-16:00|ends when it begins"):
        parse_hours(text)
