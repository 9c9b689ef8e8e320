"""How old rows must be to be compressed, and to leave the hot tier; what pi5.toml says about it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pi5_pipelines.timescale.schema import hot_table
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from pi5_pipelines.settings import TimescaleSettings

HOUR_S = 3600
DROP_AFTER = timedelta(hours=1)  # a chunk is dropped by a later run than the one that handed it over


def compress_before(settings: TimescaleSettings, now: datetime) -> datetime:
    """Chunks that end by this time are compressed."""
    return now - timedelta(days=settings.compress_after_days)


def hand_over_before(settings: TimescaleSettings, table: str, now: datetime) -> datetime | None:
    """Chunks of a table that end by this time are sealed, and the lake's; None when they stay.

    Raises UnknownNameError.
    """
    name = hot_table(table).name
    if name == "ticks":
        days = settings.keep_ticks_days
    elif SECONDS[name.removeprefix("bars_")] < HOUR_S:
        days = settings.keep_minute_bars_days
    else:
        days = settings.keep_long_bars_days
    return now - timedelta(days=days + settings.lateness_days) if days else None


def drop_before(now: datetime) -> datetime:
    """Chunks that were handed over before this time may be dropped."""
    return now - DROP_AFTER
