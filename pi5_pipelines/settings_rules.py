"""What a type cannot say about pi5.toml: which values will not do, and how each is mended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trading import strategies
from trading.errors import FrictionError
from trading.friction_options import SIZING_FORMS, parse_sizing
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pi5_pipelines.settings import Settings


def rules(settings: Settings) -> Iterator[tuple[str, object, bool, str]]:
    """A key, its value, whether it fits, and how to mend it; one for each key that needs more than a type."""
    ingest, backtest, schedule, home = settings.ingest, settings.backtest, settings.schedule, str(settings.home_path)
    yield "ingest.timeframe", ingest.timeframe, ingest.timeframe in SECONDS, f"there are: {', '.join(SECONDS)}"
    yield "backtest.sizing", backtest.sizing, _is_sizing(backtest.sizing), f"use {SIZING_FORMS}"
    yield "backtest.frictions", backtest.frictions, backtest.frictions.fits(), "docs/orders.md shows every form"
    names = strategies.names()
    for place, one in enumerate(backtest.strategies):
        dotted, own = f"backtest.strategies[{place}]", one.frictions
        yield f"{dotted}.name", one.name, one.name in names, f"there are: {', '.join(names)}"
        yield f"{dotted}.frictions", own, own is None or own.fits(), "docs/orders.md shows every form"
    time = re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", schedule.nightly_at)
    yield "schedule.nightly_at", schedule.nightly_at, bool(time), 'write the time as "18:30"'
    hours = settings.sweep.pause_hours
    span = re.fullmatch(r"(([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d)?", hours)
    yield "sweep.pause_hours", hours, bool(span), 'write the hours as "09:30-16:00", or "" for none'
    size = re.fullmatch(r"\d+(\.\d+)?\s*(KB|MB|GB)?", (memory := settings.sweep.max_memory), re.IGNORECASE)
    yield "sweep.max_memory", memory, bool(size), 'write the size as "400MB" or "2GB"; "0" means no limit'
    yield "schedule.timezone", (zone := schedule.timezone), _is_zone(zone), 'use a name such as "America/New_York"'
    yield "home", home, not re.search("%[0-9A-Fa-f]{2}", home), 'choose one without "%" and two hex digits'


def _is_zone(name: str) -> bool:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _is_sizing(text: str) -> bool:
    try:
        parse_sizing(text)
    except FrictionError:
        return False
    return True
