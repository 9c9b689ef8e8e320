"""Names of bar lengths, and how many of each make a year."""

from __future__ import annotations

from typing import Final

SECONDS: Final[dict[str, int]] = {
    "1m": 60,
    "5m": 300,
    "15m": 900,
    "30m": 1_800,
    "1h": 3_600,
    "4h": 14_400,
    "1d": 86_400,
}

TRADING_DAYS_PER_YEAR: Final = 252
SESSION_SECONDS: Final = 6.5 * 3_600
DAY_SECONDS: Final = 86_400


def periods_per_year(timeframe: str, calendar: str) -> float:
    """Bars in a year: 252 daily bars on an exchange, 365 round the clock; shorter bars fill the session.

    An exchange's session counts as 6.5 hours (NYSE); the calendar "24/7" trades every second of the year.
    """
    seconds = SECONDS[timeframe]
    if calendar == "24/7":
        return 365.0 * DAY_SECONDS / seconds
    if seconds >= DAY_SECONDS:
        return float(TRADING_DAYS_PER_YEAR)
    return TRADING_DAYS_PER_YEAR * SESSION_SECONDS / seconds
