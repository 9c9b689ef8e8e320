"""A lake in a temporary folder, and bars to put into it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

START = datetime(2023, 12, 28, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake", lock_timeout_s=0.3)


@pytest.fixture(scope="session")
def bars() -> Callable[..., pl.DataFrame]:
    """Make scaled daily bars of some symbols from a first day on; the default range spans two years' partitions."""

    def make(
        days: int = 10, symbols: tuple[str, ...] = ("A", "B"), first: int = 0, close: int = 1_000_000
    ) -> pl.DataFrame:
        rows = [
            (symbol, START + timedelta(days=day), close - 5, close + 50, close - 50, close + day, 100 + day)
            for symbol in symbols
            for day in range(first, first + days)
        ]
        names = ["symbol", "ts", "open", "high", "low", "close", "volume"]
        return pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("ts").dt.cast_time_unit("us"))

    return make
