"""What pi5.toml says about the age of rows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pi5_pipelines.settings import TimescaleSettings
from pi5_pipelines.timescale.age import compress_before, hand_over_before

NOW = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(("table", "days"), [("ticks", 8), ("bars_1m", 36), ("bars_30m", 36)])
def test_ticks_leave_before_minute_bars_and_lateness_counts(table: str, days: int) -> None:
    assert hand_over_before(TimescaleSettings(), table, NOW) == NOW - timedelta(days=days)


@pytest.mark.parametrize("table", ["bars_1h", "bars_1d"])
def test_longer_bars_stay_unless_told_otherwise(table: str) -> None:
    assert hand_over_before(TimescaleSettings(), table, NOW) is None
    told = TimescaleSettings(keep_long_bars_days=3650, lateness_days=0)
    assert hand_over_before(told, table, NOW) == NOW - timedelta(days=3650)


def test_chunks_are_compressed_after_a_week() -> None:
    assert compress_before(TimescaleSettings(), NOW) == NOW - timedelta(days=7)
