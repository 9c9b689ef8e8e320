"""When a sweep holds: while the market is open, while the machine is busy, while it is hot."""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pi5_pipelines.errors import SweepError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.sweep.job import Limits

HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")
THERMAL = Path("/sys/class/thermal")
LOOK_EVERY_S = 1.0
HOLD_S = 2.0


def reason_to_wait(limits: Limits, now: datetime, load: float, celsius: float | None) -> str:
    """Why a sweep must not go on now, "" when it may.

    `load` is the number of processes that want a core, this sweep's own not counted; `celsius` is None where no
    sensor is. Hours that pass midnight ("22:00-04:00") are meant to; they count on every day of the week but
    Saturday and Sunday, told by the day on which they begin. Raises SweepError for hours that are not written so.
    """
    if limits.pause_hours and _within(limits.pause_hours, now.astimezone(ZoneInfo(limits.timezone))):
        return f"the hours {limits.pause_hours} ({limits.timezone}) are kept free"
    if limits.max_load and load > limits.max_load:
        return f"the load of {load:.1f} is above {limits.max_load:g}"
    if limits.max_celsius and celsius is not None and celsius > limits.max_celsius:
        return f"at {celsius:.0f} degrees the machine is hotter than {limits.max_celsius:g}"
    return ""


def _within(hours: str, local: datetime) -> bool:
    match = HOURS.fullmatch(hours)
    if match is None:
        raise SweepError(
            f"{hours!r} are no hours", where="[sweep] pause_hours", hint='write them as "09:30-16:00", or "" for none'
        )
    start, end = (int(match[i]) * 60 + int(match[i + 1]) for i in (1, 3))
    minute, weekday = local.hour * 60 + local.minute, local.weekday()
    saturday = 5
    if start <= end:
        return weekday < saturday and start <= minute < end
    evening = weekday < saturday and minute >= start
    return evening or ((weekday - 1) % 7 < saturday and minute < end)


def hottest(root: Path = THERMAL) -> float | None:
    """The highest temperature that the machine's sensors tell, in degrees Celsius; None without a sensor."""
    found = []
    for sensor in root.glob("thermal_zone*/temp"):
        with suppress(OSError, ValueError):
            found.append(int(sensor.read_text(encoding="ascii")) / 1_000.0)
    return max(found, default=None)


class Gate:
    """Passed before every stretch of work: holds there as long as there is a reason to, and says so."""

    def __init__(self, limits: Limits, own_load: int, tell: Callable[[str], None]) -> None:
        self._limits = limits
        self._own_load = own_load
        self._tell = tell
        self._looked = -LOOK_EVERY_S
        self.waited_s = 0.0

    def wait(self) -> None:
        """Return at once, or when the reason is gone."""
        now = time.monotonic()
        if now - self._looked < LOOK_EVERY_S:
            return
        told = ""
        while reason := self._reason(idle=bool(told)):
            if reason != told:
                self._tell(reason)
                told = reason
            time.sleep(HOLD_S)
        if told:
            self._tell("")
            self.waited_s += time.monotonic() - now
        self._looked = time.monotonic()

    def _reason(self, *, idle: bool) -> str:
        own = 0 if idle else self._own_load
        return reason_to_wait(self._limits, datetime.now(UTC), max(0.0, os.getloadavg()[0] - own), hottest())
