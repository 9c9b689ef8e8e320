"""When a portfolio is brought to its weights: when the strategy says so, every so many bars, or by the calendar."""

from __future__ import annotations

from typing import NamedTuple

BY_STRATEGY, EVERY_BARS, MONTH_END, WEEKDAY = range(4)
DAY_US = 86_400_000_000
DAYS_A_WEEK = 7
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday; Monday is 0


class Schedule(NamedTuple):
    """`number`: bars between reviews with EVERY_BARS, the day (Monday 0) with WEEKDAY."""

    kind: int = BY_STRATEGY
    number: int = 0


def month_of(day: int) -> int:
    """Months since March of the year 0, of a day counted from 1970.

    H. Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), civil_from_days.
    """
    shifted = day + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    return (era * 400 + year_of_era) * 12 + (5 * day_of_year + 2) // 153


def is_review(schedule: Schedule, i: int, ts_us: int, next_us: int, asked: bool) -> bool:
    """Whether bar `i`, opening at `ts_us` and followed by one at `next_us` (0: not known), ends with a review.

    `asked` is the strategy's own answer. The day of the next bar is known beforehand: exchanges publish their
    calendars.
    """
    day, following = ts_us // DAY_US, next_us // DAY_US
    if schedule.kind == EVERY_BARS:
        return i % schedule.number == 0
    if schedule.kind == MONTH_END:
        return next_us != 0 and month_of(day) != month_of(following)
    if schedule.kind == WEEKDAY:
        weekday = (day + EPOCH_WEEKDAY) % DAYS_A_WEEK
        return weekday == schedule.number and following != day
    return asked
