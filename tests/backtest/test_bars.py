"""Bars from a file: how far apart they are is told from their times, and prices of nothing are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.errors import InputFileError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Make a file of bars some time apart; every hundredth is left out, as sessions have holes."""

    def write(apart: timedelta, close: float = 10.0) -> Path:
        start = datetime(2024, 1, 1, tzinfo=UTC)
        times = [start + apart * n for n in range(300) if n % 100 != 50]
        frame = pl.DataFrame({"ts": times}).with_columns(open=10.0, high=11.0, low=9.0, close=close, volume=1.0)
        path = tmp_path / "X.parquet"
        frame.write_parquet(path)
        return path

    return write


@pytest.mark.parametrize(
    ("apart", "timeframe"),
    [
        (timedelta(minutes=1), "1m"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=1), "1d"),
        (timedelta(days=7), "1d"),
        (timedelta(seconds=7), "1d"),
    ],
)
def test_a_file_tells_its_timeframe_and_one_that_tells_none_is_taken_as_daily(
    file: Callable[..., Path], apart: timedelta, timeframe: str
) -> None:
    assert bars_from_file(file(apart)).timeframe == timeframe


def test_a_timeframe_that_the_times_contradict_is_refused(file: Callable[..., Path]) -> None:
    path = file(timedelta(hours=1))
    with pytest.raises(InputFileError, match=r"its bars are 1h apart, not 1d \(leave --timeframe out\)"):
        bars_from_file(path, "1d")
    assert bars_from_file(path, "1h").timeframe == "1h"


@pytest.mark.parametrize("close", [0.0, -1.0])
def test_a_price_of_nothing_is_refused(file: Callable[..., Path], close: float) -> None:
    with pytest.raises(InputFileError, match=r"a price is zero or below: 2024-01-01 00:00, .* \.\.\."):
        bars_from_file(file(timedelta(days=1), close))
