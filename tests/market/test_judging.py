"""Judging all that the lake holds: what is written down, and when it is written anew."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import DataRangeError, UnknownNameError
from pi5_pipelines.ingest import check
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.quality import CHECKS
from pi5_pipelines.settings import IngestSettings, QualitySettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TUESDAY = datetime(2024, 3, 5, tzinfo=UTC)
GAP = ("bars_1d", "A", "missing_sessions", False, 2, TUESDAY, "2 missing: 2024-03-05, 2024-03-07")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake."""
    return Lake(tmp_path / "lake")


@pytest.fixture
def fill(lake: Lake) -> Callable[..., None]:
    """Put bars into the lake, and instruments A and B that trade by a calendar."""

    def put(bars: pl.DataFrame, table: str = "bars_1d", calendar: str = "XNYS") -> None:
        quoted = [(symbol, "0.01", 4, 0, "1", "USD", calendar, "NYSE") for symbol in "AB"]
        schema = dict(schema_of("instruments").columns)
        lake.upsert("instruments", pl.DataFrame(quoted, schema=schema, orient="row"))
        lake.upsert(table, bars)

    return put


def failed(lake: Lake) -> list[tuple[object, ...]]:
    return lake.read("verdicts").filter(~pl.col("passed")).rows()


def test_every_symbol_is_judged_on_its_own(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(pl.concat([week[[0, 2, 4]], week.with_columns(symbol=pl.lit("B"))]))
    found = check(Settings(), lake)
    assert found.height == 2 * len(CHECKS)
    assert lake.read("verdicts").equals(found.sort("table", "symbol", "check"))
    assert failed(lake) == [GAP]


def test_each_symbol_is_held_to_its_own_calendar(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    friday_to_monday = week[[0, 4]].with_columns(ts=pl.Series([date(2024, 3, 8), date(2024, 3, 11)]))
    bars = friday_to_monday.with_columns(pl.col("ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"))
    fill(bars)
    assert check(Settings(), lake)["passed"].all()
    fill(bars, calendar="24/7")
    check(Settings(), lake)
    assert [row[-1] for row in failed(lake)] == ["2 missing: 2024-03-09, 2024-03-10"]


def test_the_settings_say_how_many_sessions_may_miss(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(week[[0, 2, 4]])
    assert check(Settings(quality=QualitySettings(max_missing_sessions=2)), lake)["passed"].all()


def test_the_same_verdicts_are_not_written_twice(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(week[[0, 2, 4]])
    assert check(Settings(), lake).equals(check(Settings(), lake))
    assert lake.version("verdicts") == 0


def test_a_mended_gap_changes_the_verdict(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(week[[0, 2, 4]])
    check(Settings(), lake)
    fill(week)
    check(Settings(), lake)
    assert (failed(lake), lake.version("verdicts")) == ([], 1)


def test_verdicts_on_another_table_stay(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(week[[0, 2, 4]])
    check(Settings(), lake)
    fill(week, "bars_1h")
    check(Settings(ingest=IngestSettings(timeframe="1h")), lake)
    assert lake.read("verdicts")["table"].unique().sort().to_list() == ["bars_1d", "bars_1h"]
    assert failed(lake) == [GAP]


def test_a_single_bar_can_be_judged(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(week[:1])
    assert check(Settings(), lake)["passed"].all()


def test_an_empty_lake_cannot_be_judged(lake: Lake) -> None:
    with pytest.raises(DataRangeError, match="there are no bars to check") as caught:
        check(Settings(), lake)
    assert caught.value.hint == "run `pi5 ingest` first"
    assert lake.names() == []


def test_an_unknown_calendar_is_named(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    fill(week, calendar="NOPE")
    with pytest.raises(UnknownNameError, match="no such exchange calendar: 'NOPE'"):
        check(Settings(), lake)


def test_a_mistaken_date_fails_its_symbol_alone(lake: Lake, fill: Callable[..., None], week: pl.DataFrame) -> None:
    far = week.tail(1).with_columns(
        symbol=pl.lit("B"), ts=pl.lit(datetime(2600, 3, 10, tzinfo=UTC)).cast(pl.Datetime("us", "UTC"))
    )
    fill(pl.concat([week, far]))
    check(Settings(), lake)
    ((_, symbol, name, *_, detail),) = failed(lake)
    assert (symbol, name) == ("B", "missing_sessions")
    assert "look for a bar with a mistaken date" in str(detail)
