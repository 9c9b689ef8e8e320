"""Dividends out of the lake's corporate actions: in the units of split-adjusted prices, and in the account's cash."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from pi5_pipelines.backtest.dividends import dividends_by_bar
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = pytest.mark.xdist_group("compiled")


def day(number: int) -> datetime:
    return datetime(2024, 1, number, tzinfo=UTC)


def actions(*rows: tuple[datetime, str, int, int, int]) -> pl.DataFrame:
    return pl.DataFrame(
        [("X", *row) for row in rows], schema=dict(schema_of("corporate_actions").columns), orient="row"
    )


def test_a_dividend_before_a_split_is_divided_as_prices_are() -> None:
    frame = pl.DataFrame({"ts": [day(n) for n in (2, 3, 4, 5, 8)], "close": [50.0, 50.0, 50.0, 50.0, 50.0]})
    paid = dividends_by_bar(
        frame.with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC"))),
        actions(
            (day(1), "dividend", 1, 1, 9_000_000),  # before the first bar: nobody here held it
            (day(3), "dividend", 1, 1, 2_000_000),
            (day(4), "split", 2, 1, 0),
            (day(6), "dividend", 1, 1, 500_000),  # no session: the next one pays it
        ),
    )
    assert paid.tolist() == [0.0, 1.0, 0.0, 0.0, 0.5]


@pytest.mark.parametrize("units", [7, 3])
def test_dividends_are_cash_and_part_of_the_identity(units: int, random_bars: Callable[..., Bars]) -> None:
    bars = random_bars(2, 40)
    paid = np.zeros(40)
    paid[[10, 25]] = 0.5, 0.25
    with_dividends = replace(bars, dividends=paid)
    spec = BacktestSpec(strategy="buy_and_hold", sizing=f"units={units}", close_at_end=False)
    plain = run_backtest(spec, [bars])
    counted = run_backtest(
        BacktestSpec(
            strategy="buy_and_hold", sizing=f"units={units}", close_at_end=False, frictions=FrictionSpec(dividends=True)
        ),
        [with_dividends],
    )
    assert counted.equity[-1] - plain.equity[-1] == pytest.approx(0.75 * units)
    assert counted.document["costs"]["dividends"] == pytest.approx(-0.75 * units)
    other = replace(bars, dividends=paid * 2)
    assert run_backtest(spec_of(counted.document["strategy"], units), [other]).result_id != counted.result_id


def test_prices_without_dividends_are_refused(random_bars: Callable[..., Bars]) -> None:
    with pytest.raises(BacktestError, match="bring no dividends"):
        run_backtest(spec_of("buy_and_hold", 1), [random_bars(1, 5)])


def spec_of(strategy: str, units: int) -> BacktestSpec:
    return BacktestSpec(
        strategy=strategy, sizing=f"units={units}", close_at_end=False, frictions=FrictionSpec(dividends=True)
    )
