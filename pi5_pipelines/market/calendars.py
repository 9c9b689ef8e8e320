"""Which days an exchange traded."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING

from pi5_pipelines.errors import DataRangeError, UnknownNameError

if TYPE_CHECKING:
    from datetime import date


@cache
def sessions(calendar: str, start: date, end: date) -> tuple[date, ...]:
    """The trading days from `start` to `end`, both included; raises UnknownNameError for an unknown calendar.

    Raises DataRangeError where the calendar's holidays are not known.
    """
    import exchange_calendars

    later = max(start, end) + timedelta(days=1)  # a calendar of a single day cannot be made
    try:
        found = exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=later.isoformat())
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise UnknownNameError(
            f"no such exchange calendar: {calendar!r}",
            where="pi5.toml, [instruments]",
            hint='use a name such as "XNYS", "XLON" or "24/7"',
        ) from error
    except exchange_calendars.errors.NoSessionsError:
        return ()
    except ValueError as error:
        raise DataRangeError(
            f"its holidays are not known from {start} to {end}: {str(error).splitlines()[0]}",
            where=f"exchange calendar {calendar}",
            hint="look for a bar with a mistaken date",
        ) from error
    return tuple(day for day in (session.date() for session in found.sessions) if start <= day <= end)
