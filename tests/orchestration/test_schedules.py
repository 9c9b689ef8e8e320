"""The night begins at the exchange's own hour, once a weekday, through both changes of clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._utils.schedules import schedule_execution_time_iterator

from pi5_pipelines.automation.schedules import nightly_cron, nightly_schedule
from pi5_pipelines.definitions import defs
from pi5_pipelines.settings import ScheduleSettings

if TYPE_CHECKING:
    from pathlib import Path


def ticks(cron: str, zone: str, month: int) -> list[datetime]:
    """The scheduler's own iterator over one month of 2026."""
    first, last = datetime(2026, month, 1, tzinfo=UTC), datetime(2026, month + 1, 1, tzinfo=UTC)
    found = schedule_execution_time_iterator(first.timestamp(), cron, zone)
    return list(takewhile(lambda tick: tick < last, found))


@pytest.mark.parametrize(
    ("month", "changes_on", "hours_utc"),
    [(3, datetime(2026, 3, 8, tzinfo=UTC), (23, 22)), (11, datetime(2026, 11, 1, tzinfo=UTC), (22, 23))],
)
def test_the_hour_stays_in_new_york_and_moves_in_utc_when_clocks_change(
    month: int, changes_on: datetime, hours_utc: tuple[int, int]
) -> None:
    found = ticks(nightly_cron(ScheduleSettings()), "America/New_York", month)
    for tick in found:
        in_utc = tick.astimezone(UTC)
        assert (tick.hour, tick.minute) == (18, 30)
        assert in_utc.hour == hours_utc[in_utc > changes_on]


@pytest.mark.parametrize("nightly_at", ["18:30", "02:30", "01:30", "00:00"])
@pytest.mark.parametrize(
    ("zone", "month"), [("America/New_York", 3), ("America/New_York", 11), ("Europe/Berlin", 3), ("Europe/Berlin", 10)]
)
def test_there_is_exactly_one_tick_a_weekday_even_at_hours_that_clocks_skip_or_repeat(
    nightly_at: str, zone: str, month: int
) -> None:
    found = ticks(nightly_cron(ScheduleSettings(timezone=zone, nightly_at=nightly_at)), zone, month)
    days = [tick.date() for tick in found]
    assert len(days) == len(set(days))
    one_day = timedelta(days=1)
    span = [days[0] + n * one_day for n in range((days[-1] - days[0]).days + 1)]
    assert days == [day for day in span if day.isoweekday() <= 5]
    assert len(days) >= 20


def test_the_schedule_runs_from_the_first_start_in_the_zone_of_the_settings() -> None:
    made = nightly_schedule(ScheduleSettings(timezone="Asia/Tokyo", nightly_at="16:05"))
    assert (made.cron_schedule, made.execution_timezone) == ("5 16 * * 1-5", "Asia/Tokyo")
    assert made.default_status is dg.DefaultScheduleStatus.RUNNING
    assert made.job_name == "nightly"


def test_a_tick_of_the_wired_schedule_asks_for_one_nightly_run(home: Path) -> None:
    del home
    schedules = [one for one in defs.schedules or [] if isinstance(one, dg.ScheduleDefinition)]
    (wired,) = [one for one in schedules if one.job_name == "nightly"]
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 3, 9, 22, 30, tzinfo=UTC))
    asked = wired.evaluate_tick(context).run_requests
    assert asked is not None
    assert len(asked) == 1
