"""Bars as the lake holds them, and the sample's bars with their actions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.sources.base import Request
from pi5_pipelines.sources.sample import Sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.sources.base import Piece

MONDAY = datetime(2024, 3, 4, tzinfo=UTC)


@pytest.fixture(scope="session")
def sample() -> dict[str, Piece]:
    """The sample's four symbols with their whole history."""
    known = pl.DataFrame(schema=dict(schema_of("raw_files").columns))
    return {piece.symbol: piece for batch in Sample().fetch(Request(known)) for piece in batch.pieces}


@pytest.fixture
def week() -> pl.DataFrame:
    """Five scaled daily bars, Monday 2024-03-04 to Friday, that nothing is wrong with."""
    rows = [("A", MONDAY + timedelta(days=n), 100 + n, 120 + n, 90 + n, 110 + n, 1_000 * n) for n in range(5)]
    return pl.DataFrame(rows, schema=dict(schema_of("bars_1d").columns), orient="row")


@pytest.fixture(scope="session")
def actions() -> Callable[..., pl.DataFrame]:
    """Make corporate actions of symbol A from rows of (ts, kind, numerator, denominator, amount)."""

    def make(*rows: tuple[datetime, str, int, int, int]) -> pl.DataFrame:
        schema = dict(schema_of("corporate_actions").columns)
        return pl.DataFrame([("A", *row) for row in rows], schema=schema, orient="row")

    return make
