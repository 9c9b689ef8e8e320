"""The page's own figures, against plain loops and what they must add up to."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.report.figures import intensity, monthly_returns, rolling_sharpe, verdict
from pi5_pipelines.report.sections import Cost, costs

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.result import BacktestResult

DAY_US = 86_400_000_000
MOMENTS = st.lists(st.integers(0, 12_000), min_size=1, max_size=80, unique=True).map(sorted)
EQUITIES = st.floats(1.0, 1e6)  # a return to a billionth of an account would be lost in rounding


def plain_sharpe(equity: list[float], bars: int, periods: float) -> list[float]:
    out = []
    for t in range(len(equity)):
        if t < bars:
            out.append(math.nan)
            continue
        steps = [equity[i] / equity[i - 1] - 1.0 for i in range(t - bars + 1, t + 1)]
        mean = sum(steps) / bars
        deviation = math.sqrt(sum((step - mean) ** 2 for step in steps) / (bars - 1))
        out.append(mean / deviation * math.sqrt(periods) if deviation > 0.0 else math.nan)
    return out


@pytest.mark.parametrize(("length", "bars"), [(300, 126), (127, 126), (126, 126), (1, 126), (40, 2)])
def test_the_rolling_sharpe_ratio_is_that_of_the_last_returns(length: int, bars: int) -> None:
    rng = np.random.default_rng(5)
    equity = 10_000.0 * np.exp(np.cumsum(rng.normal(0.0003, 0.01, length)))
    found = rolling_sharpe(equity, bars, 252.0)
    np.testing.assert_allclose(found, plain_sharpe(equity.tolist(), bars, 252.0), rtol=1e-9)
    assert np.isfinite(found).sum() == max(length - bars, 0)


def test_where_nothing_moves_there_is_no_rolling_sharpe_ratio() -> None:
    equity = np.concatenate([np.full(50, 100.0), np.linspace(100.0, 120.0, 20)])
    found = rolling_sharpe(equity, 10, 252.0)
    assert np.isnan(found[:51]).all()
    assert np.isfinite(found[51:]).all()


@given(MOMENTS, st.data())
def test_months_compound_to_the_years_and_years_to_the_whole(days: list[int], data: st.DataObject) -> None:
    equity = data.draw(st.lists(EQUITIES, min_size=len(days), max_size=len(days)))
    cash = data.draw(EQUITIES)
    years = monthly_returns(np.array(days) * DAY_US, np.array(equity), cash)
    whole = 1.0
    for year in years:
        of_months = math.prod(1.0 + month / 100.0 for month in year.months if month is not None)
        assert of_months == pytest.approx(1.0 + year.total / 100.0, rel=1e-6, abs=1e-9)
        whole *= of_months
    assert whole == pytest.approx(equity[-1] / cash, rel=1e-6, abs=1e-9)


@given(MOMENTS)
def test_every_month_with_bars_has_a_return_and_no_other(days: list[int]) -> None:
    years = monthly_returns(np.array(days) * DAY_US, np.full(len(days), 100.0), 100.0)
    filled = {(year.year, month) for year in years for month in range(1, 13) if year.months[month - 1] is not None}
    dates = [datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in days]
    assert filled == {(date.year, date.month) for date in dates}
    assert all(len(year.months) == 12 for year in years)


def test_a_month_begins_where_the_last_one_with_bars_ended() -> None:
    moments = [datetime(2024, 11, 5), datetime(2024, 11, 29), datetime(2025, 2, 3), datetime(2025, 2, 28)]  # noqa: DTZ001
    ts_us = np.array([int(moment.replace(tzinfo=UTC).timestamp()) for moment in moments]) * 1_000_000
    first, second = monthly_returns(ts_us, np.array([105.0, 110.0, 120.0, 99.0]), 100.0)
    assert (first.year, second.year) == (2024, 2025)
    assert first.total == pytest.approx(10.0)
    assert first.months[10] == pytest.approx(10.0)
    assert second.months[1] == pytest.approx(-10.0)
    assert second.total == pytest.approx(-10.0)


def test_a_ruined_account_has_months_without_a_return() -> None:
    ts_us = np.arange(20_000, 20_800, 40) * DAY_US
    equity = np.array([100.0, 50.0] + [0.0] * 18)
    years = monthly_returns(ts_us, equity, 100.0)
    assert [year.total for year in years] == [-100.0, 0.0, 0.0]
    assert {month for year in years[1:] for month in year.months if month is not None} == {0.0}


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_a_larger_month_is_coloured_no_weaker(one: float, other: float) -> None:
    assert 0.0 <= intensity(one) <= 1.0
    if abs(one) <= abs(other):
        assert intensity(one) <= intensity(other)


def test_costs_are_a_share_of_the_profit_before_them() -> None:
    def shares(final: float, **told: object) -> list[Cost]:
        return costs({"cash": 1000.0, "equity_final": final, "fees_paid": 30.0, "slippage_paid": 20.0, **told})

    assert shares(1150.0) == [Cost("fees", 30.0, 15.0), Cost("slippage", 20.0, 10.0), Cost("together", 50.0, 25.0)]
    assert [one.share_pct for one in shares(960.0)] == [300.0, 200.0, 500.0]
    assert {one.share_pct for one in (*shares(950.0), *shares(900.0))} == {None}


def test_a_document_s_own_costs_go_before_fees_and_slippage() -> None:
    told = {"fees": 10.0, "slippage": 0.0, "spread": 0.0, "margin_interest": 5.0, "funding": -3.0}
    document = {"cash": 1000.0, "equity_final": 1088.0, "fees_paid": 10.0, "slippage_paid": 0.0, "costs": told}
    assert costs(document) == [
        Cost("fees", 10.0, 10.0),
        Cost("slippage", 0.0, 0.0),
        Cost("margin interest", 5.0, 5.0),
        Cost("funding", -3.0, -3.0),
        Cost("together", 12.0, 12.0),
    ]


@pytest.fixture
def night(results: list[BacktestResult]) -> Callable[..., list[BacktestResult]]:
    """Results with given figures."""

    def make(*figures: dict[str, Any]) -> list[BacktestResult]:
        plain = {"strategy": "sma_cross", "return_pct": 1.0, "buy_and_hold_pct": 2.0, "sharpe": 0.5, "ruined": False}
        return [replace(results[1], document={**results[1].document, **plain, **one}) for one in figures]

    return make


def test_the_verdict_counts_who_beat_buying_and_holding(night: Callable[..., list[BacktestResult]]) -> None:
    words = verdict(
        night(
            {"return_pct": 3.0, "sharpe": 1.2},
            {"return_pct": 2.0, "sharpe": 1.0},
            {"sharpe": None},
            {"strategy": "buy_and_hold", "return_pct": 9.0, "sharpe": 3.0},
        ),
        [],
    )
    assert words.startswith("1 of 3 strategy runs earned more than buying and holding, after costs; 1 had a Sharpe")
    assert "All symbols passed their data checks." in words
    assert "Ruined" not in words


def test_the_verdict_names_the_ruined_and_the_left_out(night: Callable[..., list[BacktestResult]]) -> None:
    skipped = [
        {"symbol": "TSLA", "strategy": "all", "reason": "gaps"},
        {"symbol": "F", "strategy": "x", "reason": "none"},
    ]
    words = verdict(night({"ruined": True, "symbols": ["GOOG", "IBM"]}), skipped)
    assert "Ruined: sma_cross on GOOG, IBM." in words
    assert "Left out: TSLA (gaps); F (none)." in words
    assert "passed" not in words
    assert words.endswith("it is no evidence of gains to come.")
