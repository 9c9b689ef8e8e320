"""Which days an exchange traded."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pi5_pipelines.errors import UnknownNameError

if TYPE_CHECKING:
    from datetime import date


@cache
def sessions(calendar: str, start: date, end: date) -> tuple[date, ...]:
    """The trading days from `start` to `end`, both included; raises UnknownNameError for an unknown calendar."""
    import exchange_calendars

    try:
        found = exchange_calendars.get_calendar(calendar, start=start.isoformat(), end=end.isoformat())
    except exchange_calendars.errors.InvalidCalendarName as error:
        raise UnknownNameError(
            f"no such exchange calendar: {calendar!r}",
            where="pi5.toml, [instruments]",
            hint='use a name such as "XNYS", "XLON" or "24/7"',
        ) from error
    except exchange_calendars.errors.NoSessionsError:
        return ()
    return tuple(session.date() for session in found.sessions)
