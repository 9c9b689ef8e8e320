"""Finer bars decide what a bar leaves open, and delays may then be shorter than a bar."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.backtest.bars import Bars, digest
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("compiled")

HOUR_US = 3_600_000_000
HOURS = 24
SHORT = {"channel": 4.0, "ranges": 3.0, "stop": 0.4, "trail": 0.6, "target": 0.5}


@pytest.fixture
def days(random_bars: Callable[..., Bars]) -> tuple[Bars, Bars]:
    """Daily bars made of 24 hours each, and those hours, which go little beyond their open and close."""
    hours = random_bars(11, 400 * HOURS, volatility=0.006)
    ends = np.sort([hours.open, hours.close], axis=0)
    hours = replace(hours, low=np.maximum(ends[0] - 0.01, 0.01), high=ends[1] + 0.01)
    day = np.arange(400 * HOURS) // HOURS
    ts_us = (day * 24 + np.arange(400 * HOURS) % HOURS).astype(np.int64) * HOUR_US
    fine = replace(hours, ts_us=ts_us, timeframe="1h")
    rows = {name: getattr(fine, name).reshape(400, HOURS) for name in ("open", "high", "low", "close", "volume")}
    columns = {
        "open": rows["open"][:, 0],
        "high": rows["high"].max(axis=1),
        "low": rows["low"].min(axis=1),
        "close": rows["close"][:, -1],
        "volume": rows["volume"].sum(axis=1),
    }
    coarse = replace(fine, ts_us=ts_us[::HOURS], timeframe="1d", **columns)
    return replace(coarse, input={**fine.input, "sha256": digest(coarse.ts_us, coarse.close)}), fine


def test_finer_bars_leave_less_open(days: tuple[Bars, Bars]) -> None:
    coarse, fine = days
    spec = BacktestSpec(strategy="atr_breakout", params=SHORT)
    alone, inside = run_backtest(spec, [coarse]), run_backtest(spec, [coarse], fine=fine)
    assert alone.document["ambiguous_bars"] > 20
    assert inside.document["ambiguous_bars"] < alone.document["ambiguous_bars"] / 2
    assert inside.document["fine_inputs"][0]["timeframe"] == "1h"
    again = run_backtest(spec, [coarse], fine=fine, interpreted=True)
    assert again.equity.tobytes() == inside.equity.tobytes()


def test_a_delay_in_milliseconds_lets_the_first_hours_pass(days: tuple[Bars, Bars]) -> None:
    coarse, fine = days
    late = FrictionSpec(latency="5400000ms")  # an hour and a half: the third hour is the first one open to the order
    spec = BacktestSpec(strategy="sma_cross", params={"fast": 3, "slow": 8}, frictions=late, close_at_end=False)
    result = run_backtest(spec, [coarse], fine=fine)
    opens = dict(zip(fine.ts_us.tolist(), fine.open.tolist(), strict=True))
    first = result.fills.row(0, named=True)
    assert first["price"] == opens[round(first["ts"].timestamp() * 1e6) + 2 * HOUR_US]


def test_finer_bars_of_another_making_are_refused(days: tuple[Bars, Bars]) -> None:
    coarse, fine = days
    spec = BacktestSpec(strategy="atr_breakout")
    with pytest.raises(BacktestError, match="adjusted in another way"):
        run_backtest(spec, [coarse], fine=replace(fine, input={**fine.input, "adjust": "splits"}))
    with pytest.raises(BacktestError, match="needs finer bars"):
        run_backtest(BacktestSpec(strategy="sma_cross", frictions=FrictionSpec(latency="1ms")), [coarse])
