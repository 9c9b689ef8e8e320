"""Divisions of trades against a plain loop, and markets known from trailing bars only."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import fmean, stdev
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.analysis import regimes
from pi5_pipelines.analysis.breakdown import MONTHS, WEEKDAYS, breakdowns, markets

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.analysis.excursions import Timing
    from pi5_pipelines.backtest.bars import Bars

HOUR_US = 3_600_000_000


def plain_third(values: list[float], at: int) -> int:
    """The third of the value at a bar among the last ones, its own included."""
    window = values[max(at - regimes.MEMORY_BARS + 1, 0) : at + 1] if at >= 0 else []
    known = [one for one in window if not math.isnan(one)]
    if len(known) < regimes.MEMORY_BARS:
        return regimes.UNKNOWN
    return min(int(sum(one < known[-1] for one in known) / len(known) * 3.0), 2)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 60), timing=st.sampled_from(["open", "close", "within"]))
def test_a_division_is_that_of_a_plain_loop(
    random_bars: Callable[..., Bars],
    random_trades: Callable[..., pl.DataFrame],
    seed: int,
    count: int,
    timing: Timing,
) -> None:
    bars = random_bars(seed, 700)
    frame = random_trades(seed, bars, count)
    rows = list(frame.iter_rows(named=True))
    trend, volatility = markets(frame, [bars], timing=timing)
    kinds = {
        "Side": [row["side"] for row in rows],
        "Weekday of entry": [WEEKDAYS[row["entry_ts"].weekday()] for row in rows],
        "Month of entry": [MONTHS[row["entry_ts"].month - 1] for row in rows],
        "Trend before entry": [regimes.TRENDS[third] if third >= 0 else None for third in trend],
        "Volatility before entry": [regimes.VOLATILITIES[third] if third >= 0 else None for third in volatility],
    }
    found = {one.title: one for one in breakdowns(frame, [bars], timing=timing)}
    assert set(found) == {title for title, names in kinds.items() if len({*names} - {None}) > 1}
    for title, one in found.items():
        assert sum(share.trades for share in one.shares) == sum(name is not None for name in kinds[title])
        for share in one.shares:
            mine = [row for row, name in zip(rows, kinds[title], strict=True) if name == share.name]
            assert share.trades == len(mine)
            assert share.win_rate_pct == pytest.approx(100.0 * fmean(row["pnl"] > 0.0 for row in mine))
            assert share.avg_trade_pct == pytest.approx(fmean(row["return_pct"] for row in mine))
            assert share.pnl == pytest.approx(sum(row["pnl"] for row in mine), abs=1e-9)


def test_hours_are_told_for_bars_shorter_than_a_day(
    random_bars: Callable[..., Bars], random_trades: Callable[..., pl.DataFrame]
) -> None:
    bars = replace(random_bars(1, 400, step_us=HOUR_US), timeframe="1h")
    frame = random_trades(1, bars, 40)
    (hours,) = [one for one in breakdowns(frame, [bars], timing="open") if one.title.startswith("Hour")]
    assert {share.name for share in hours.shares} == {f"{row:%H}:00" for row in frame["entry_ts"]}
    assert not any(one.title.startswith("Hour") for one in breakdowns(frame, [random_bars(1, 400)], timing="open"))


def test_symbols_are_told_where_there_are_several(
    random_bars: Callable[..., Bars], random_trades: Callable[..., pl.DataFrame]
) -> None:
    two = [random_bars(1, 400, "A"), random_bars(2, 400, "B")]
    frame = pl.concat([random_trades(s, one, 10) for s, one in enumerate(two)])
    (symbols,) = [one for one in breakdowns(frame, two, timing="open") if one.title == "Symbol"]
    assert [(share.name, share.trades) for share in symbols.shares] == [("A", 10), ("B", 10)]


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), at=st.lists(st.integers(-1, 599), min_size=1, max_size=8))
def test_a_third_is_known_from_trailing_bars_only(random_bars: Callable[..., Bars], seed: int, at: list[int]) -> None:
    close = random_bars(seed, 600).close
    trend, spread = regimes.trend(close), regimes.volatility(close)
    for bar in at:
        if bar >= regimes.TREND_BARS:
            assert trend[bar] == close[bar] / close[bar - regimes.TREND_BARS] - 1.0
        if bar >= regimes.VOLATILITY_BARS:
            steps = [close[b] / close[b - 1] - 1.0 for b in range(bar - regimes.VOLATILITY_BARS + 1, bar + 1)]
            assert spread[bar] == pytest.approx(stdev(steps))
    for values in (trend, spread):
        found = regimes.thirds(values, np.array(at)).tolist()
        assert found == [plain_third(values.tolist(), bar) for bar in at]
        cut = max(*at, 0) + 1
        changed = np.append(values[:cut], np.full(values.size - cut, 99.0))
        assert regimes.thirds(changed, np.array(at)).tolist() == found


def test_a_short_history_has_no_market(random_bars: Callable[..., Bars]) -> None:
    for length in (1, 21, 22, 63, 64, 300):
        close = random_bars(1, length).close
        for values in (regimes.trend(close), regimes.volatility(close)):
            assert values.size == length
            last = np.array([length - 1])
            assert regimes.thirds(values, last).tolist() == [plain_third(values.tolist(), length - 1)]
