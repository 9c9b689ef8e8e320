"""Which days an exchange traded."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from pi5_pipelines.errors import DataRangeError, UnknownNameError

if TYPE_CHECKING:
    from datetime import date


@cache
def sessions(calendar: str, start: date, end: date) -> tuple[date, ...]:
    """The trading days from `start` to `end`, both included; raises UnknownNameError for an unknown calendar.

    Raises DataRangeError where the calendar's holidays are not known.
    """
    found = _calendar(calendar, start, end)
    days = () if found is None else (session.date() for session in found.sessions)
    return tuple(day for day in days if start <= day <= end)


def hours(calendar: str, start: date, end: date) -> tuple[tuple[int, int], ...]:
    """When each of those days' sessions opens and closes, in UTC microseconds; breaks within are not told.

    Raises as `sessions`.
    """
    found = _calendar(calendar, start, end)
    if found is None:
        return ()
    spans = zip(found.sessions, found.opens, found.closes, strict=True)
    return tuple(
        (opens.value // 1_000, closes.value // 1_000) for day, opens, closes in spans if start <= day.date() <= end
    )


def _calendar(calendar: str, start: date, end: date) -> Any:  # noqa: ANN401 - the library has no types
    """The library's calendar of those days; None where they hold no session."""
    import exchange_calendars

    later = max(start, end) + timedelta(days=1)  # a calendar of a single day cannot be made
    try:
        return exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=later.isoformat())
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise UnknownNameError(
            f"no such exchange calendar: {calendar!r}",
            where="pi5.toml, [instruments]",
            hint='use a name such as "XNYS", "XLON" or "24/7"',
        ) from error
    except exchange_calendars.errors.NoSessionsError:
        return None
    except ValueError as error:
        raise DataRangeError(
            f"its holidays are not known from {start} to {end}: {str(error).splitlines()[0]}",
            where=f"exchange calendar {calendar}",
            hint="look for a bar with a mistaken date",
        ) from error
