"""When a sweep holds, decided from readings alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from pi5_pipelines.sweep.job import Limits
from pi5_pipelines.sweep.pause import hottest, reason_to_wait

if TYPE_CHECKING:
    from pathlib import Path

NEW_YORK = ZoneInfo("America/New_York")
MARKET = Limits(pause_hours="09:30-16:00", timezone="America/New_York")
NIGHT = Limits(pause_hours="22:00-04:00", timezone="America/New_York")


@pytest.mark.parametrize(
    ("limits", "moment", "holds"),
    [
        (MARKET, "2026-11-24 09:29", False),
        (MARKET, "2026-11-24 09:30", True),
        (MARKET, "2026-11-24 15:59", True),
        (MARKET, "2026-11-24 16:00", False),
        (MARKET, "2026-11-28 12:00", False),  # a Saturday
        (MARKET, "2026-07-24 09:30", True),  # summer time
        (NIGHT, "2026-11-27 23:00", True),  # Friday night
        (NIGHT, "2026-11-28 03:59", True),  # still Friday's
        (NIGHT, "2026-11-28 23:00", False),
        (NIGHT, "2026-11-30 03:00", False),  # Sunday's
        (NIGHT, "2026-11-30 22:00", True),
    ],
)
def test_hours_are_those_of_the_exchange(limits: Limits, moment: str, holds: bool) -> None:  # noqa: FBT001 - a table's column
    now = datetime.fromisoformat(moment).replace(tzinfo=NEW_YORK).astimezone(UTC)
    assert bool(reason_to_wait(limits, now, 0.0, None)) is holds


def test_load_and_heat_hold_and_say_why() -> None:
    limits, now = Limits(max_load=1.5, max_celsius=75.0), datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert reason_to_wait(limits, now, 1.5, 75.0) == ""
    assert "load of 2.0" in reason_to_wait(limits, now, 2.0, None)
    assert "80 degrees" in reason_to_wait(limits, now, 0.0, 80.4)
    assert reason_to_wait(limits, now, 0.0, None) == ""
    assert reason_to_wait(Limits(), now, 99.0, 99.0) == ""


def test_the_hottest_sensor_counts(tmp_path: Path) -> None:
    for name, text in (("thermal_zone0", "48200\n"), ("thermal_zone1", "61500\n"), ("thermal_zone2", "broken")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "temp").write_text(text)
    assert hottest(tmp_path) == 61.5
    assert hottest(tmp_path / "none") is None
