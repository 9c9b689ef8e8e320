"""Years against a walk through the calendar, and correlations against numpy's own."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.analysis import metrics
from pi5_pipelines.analysis.benchmark import holding
from pi5_pipelines.analysis.years import by_year, correlations, daily_returns

if TYPE_CHECKING:
    from collections.abc import Callable

    import polars as pl

    from pi5_pipelines.backtest.bars import Bars

DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24


def year_of(ts_us: int) -> int:
    return datetime.fromtimestamp(ts_us / 1e6, tz=UTC).year


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 1_200), count=st.integers(0, 20))
def test_a_year_is_that_of_its_own_bars(
    random_bars: Callable[..., Bars],
    random_trades: Callable[..., pl.DataFrame],
    seed: int,
    length: int,
    count: int,
) -> None:
    bars, other = random_bars(seed, length), random_bars(seed + 1, length)
    trades = random_trades(seed, bars, count)
    rows = by_year(bars.ts_us, bars.close, other.close, trades, 100.0, 365.0)
    years = [year_of(ts) for ts in bars.ts_us.tolist()]
    assert [row.year for row in rows] == sorted(set(years))
    assert sum(row.trades for row in rows) == count
    for row in rows:
        at = [bar for bar, year in enumerate(years) if year == row.year]
        own, theirs = (
            [one[at[0] - 1] if at[0] else 100.0, *(one[bar] for bar in at)] for one in (bars.close, other.close)
        )
        steps = [own[i] / own[i - 1] - 1.0 for i in range(1, len(own))]
        assert row.return_pct == pytest.approx(100.0 * (own[-1] / own[0] - 1.0), abs=1e-9)
        assert row.benchmark_pct == pytest.approx(100.0 * (theirs[-1] / theirs[0] - 1.0), abs=1e-9)
        assert row.max_drawdown_pct == pytest.approx(
            100.0 * min(own[i] / max(own[: i + 1]) - 1.0 for i in range(len(own))), abs=1e-9
        )
        if len(steps) > 1:
            assert row.volatility_pct == pytest.approx(100.0 * np.std(steps, ddof=1) * math.sqrt(365.0))
            assert row.sharpe == pytest.approx(np.mean(steps) / np.std(steps, ddof=1) * math.sqrt(365.0))
        mine = [one for one in trades.iter_rows(named=True) if one["exit_ts"].year == row.year]
        assert row.trades == len(mine)
        wins = 100.0 * sum(one["pnl"] > 0.0 for one in mine) / len(mine) if mine else math.nan
        assert row.win_rate_pct == pytest.approx(wins, nan_ok=True)
    whole = math.prod(1.0 + row.return_pct / 100.0 for row in rows)
    assert whole == pytest.approx(bars.close[-1] / 100.0)


@pytest.mark.filterwarnings("error")
def test_a_ruined_account_has_years_without_a_return(
    random_trades: Callable[..., pl.DataFrame], random_bars: Callable[..., Bars]
) -> None:
    bars = random_bars(1, 900)
    equity = np.where(np.arange(900) < 100, 50.0, 0.0)
    rows = by_year(bars.ts_us, equity, bars.close, random_trades(1, bars, 0), 100.0, 365.0)
    assert rows[0].return_pct == -100.0
    assert {row.return_pct for row in rows[1:]} == {0.0}
    assert {row.max_drawdown_pct for row in rows[1:]} == {0.0}


@given(st.integers(0, 10_000), st.integers(4, 60), st.integers(1, 5), st.floats(0.0, 0.6))
def test_correlations_are_those_of_the_days_in_common(seed: int, days: int, curves: int, gaps: float) -> None:
    rng = np.random.default_rng(seed)
    series = rng.normal(0.001, 0.01, (days, curves)) + rng.normal(0.0, 0.01, (days, 1))
    series[rng.random(series.shape) < gaps] = np.nan
    found = correlations(series)
    assert found.shape == (curves, curves)
    for a in range(curves):
        for b in range(curves):
            both = np.isfinite(series[:, a]) & np.isfinite(series[:, b])
            if both.sum() >= 3:
                expected = np.corrcoef(series[both, a], series[both, b])[0, 1]
                assert found[a, b] == pytest.approx(expected, abs=1e-9)
            else:
                assert math.isnan(found[a, b])


@pytest.mark.filterwarnings("error")
def test_a_curve_at_rest_is_like_no_other() -> None:
    series = np.column_stack([np.full(20, 0.01), np.zeros(20), np.full(20, np.nan), np.linspace(-0.1, 0.1, 20)])
    found = correlations(series)
    assert np.isnan(found[:3]).all()
    assert found[3, 3] == pytest.approx(1.0)
    assert correlations(np.zeros((0, 0))).shape == (0, 0)


def test_daily_returns_run_from_each_day_s_last_equity() -> None:
    hours = np.array([1, 5, 23, 25, 47, 50, 98], dtype=np.int64) * HOUR_US
    equity = np.array([100.0, 90.0, 110.0, 50.0, 121.0, 60.5, 121.0])
    days = np.array([1, 2, 3], dtype=np.int64) * DAY_US
    found = daily_returns([(hours, equity), (days, np.array([10.0, 11.0, 22.0]))])
    expected = [[math.nan, math.nan], [0.1, math.nan], [-0.5, 0.1], [math.nan, 1.0], [1.0, math.nan]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert daily_returns([]).shape == (0, 0)


def test_daily_bars_have_the_returns_of_their_curve(goog: Bars) -> None:
    found = daily_returns([(goog.ts_us, goog.close)])
    np.testing.assert_array_equal(found[:, 0], metrics.returns(goog.close))


def test_another_symbol_is_held_from_the_first_common_bar(random_bars: Callable[..., Bars]) -> None:
    other = random_bars(5, 30, offset=10)
    ts_us = np.arange(60, dtype=np.int64) * DAY_US
    found = holding(other, ts_us, 500.0)
    assert found[:11].tolist() == [500.0] * 11
    np.testing.assert_allclose(found[10:40], 500.0 * other.close / other.close[0])
    assert set(found[40:].tolist()) == {found[39]}
    late = holding(other, ts_us[20:], 500.0)
    assert late[0] == 500.0
    np.testing.assert_allclose(late[:20], 500.0 * other.close[10:] / other.close[10])
    assert set(holding(other, ts_us[50:], 500.0).tolist()) == {500.0}
