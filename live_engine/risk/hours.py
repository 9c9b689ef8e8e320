"""The hours in which entries are allowed, in the local time of a place, through every change of its clocks."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NS_PER_S = 1_000_000_000
DAY_MINUTES = 24 * 60
SATURDAY = 5
PATTERN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))")


class Hours(NamedTuple):
    """Minutes of the local day: the first one that is open, and the first one after it that is not."""

    opens: int
    closes: int


@lru_cache(maxsize=8)
def parse_hours(text: str) -> Hours:
    """What "09:30-16:00" says; an end before the start lies on the next day. Raises ValueError."""
    found = PATTERN.fullmatch(text)
    if found is None:
        raise ValueError(f'{text!r} is not of the form "09:30-16:00"')
    numbers = [int(part) for part in found.groups() if part is not None]
    hours = Hours(numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3])
    if hours.opens == hours.closes:
        raise ValueError(f"{text!r} ends when it begins; leave it empty for always")
    return hours


def is_open(hours: Hours, zone: ZoneInfo, now_ns: int, *, weekends: bool) -> bool:
    """Whether a moment lies within the hours; hours that go past midnight belong to the day on which they begin."""
    local = datetime.fromtimestamp(now_ns // NS_PER_S, tz=zone)
    minute = local.hour * 60 + local.minute
    if hours.opens < hours.closes:
        inside, day = hours.opens <= minute < hours.closes, local
    else:
        inside = minute >= hours.opens or minute < hours.closes
        day = local if minute >= hours.opens else local - timedelta(days=1)
    return inside and (weekends or day.weekday() < SATURDAY)


def local_time(zone: ZoneInfo, now_ns: int) -> str:
    """A moment in words: weekday, time and zone."""
    return datetime.fromtimestamp(now_ns // NS_PER_S, tz=zone).strftime("%A %H:%M:%S %Z")
