"""Known answers from outside: another engine's asserted figures, and another library's metrics."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import empyrical
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.analysis import metrics, trades
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars


def test_goog_sma_cross_gives_the_figures_that_backtesting_py_asserts(goog: Bars) -> None:
    document = run_backtest(BacktestSpec(strategy="sma_cross", params={"fast": 10, "slow": 30}), [goog]).document
    assert document["bars"] == 2148
    assert document["equity_final"] == pytest.approx(51_422.98999999996, rel=1e-9)
    assert document["trades"] == 66
    assert document["win_rate_pct"] == pytest.approx(46.96969697, rel=1e-9)
    assert document["max_drawdown_pct"] == pytest.approx(-47.98012705, rel=1e-9)
    assert document["profit_factor"] == pytest.approx(2.16794597, rel=1e-8)


def test_metrics_of_the_check_series() -> None:
    series = np.array([math.nan, 1, 10, -4, 2, 3, 2, 1, -10]) / 100.0
    equity: NDArray[np.float64] = np.cumprod(1.0 + np.nan_to_num(series), dtype=np.float64)
    assert metrics.sharpe(series, 252) == pytest.approx(1.7238613961706866, rel=1e-9)
    assert metrics.sortino(series, 252) == pytest.approx(2.605531251673693, rel=1e-9)
    assert metrics.annual_return(series, 252) == pytest.approx(1.9135925373194231, rel=1e-9)
    assert metrics.volatility(series, 252) == pytest.approx(0.9136465399704637, rel=1e-9)
    assert metrics.calmar(series, metrics.max_drawdown(equity), 252) == pytest.approx(19.135925373194233, rel=1e-9)


@given(st.lists(st.floats(-0.2, 0.25), min_size=3, max_size=200).filter(lambda r: np.std(r) > 1e-6 and min(r) < -1e-6))
def test_metrics_equal_empyrical_on_random_curves(returns: list[float]) -> None:
    equity: NDArray[np.float64] = 10_000.0 * np.cumprod(np.array([1.0, *(1.0 + r for r in returns)]))
    got = metrics.curve_metrics(equity, 10_000.0, 252)
    series = metrics.returns(equity)
    expected = {
        "annual_return_pct": 100.0 * empyrical.annual_return(series),
        "volatility_pct": 100.0 * empyrical.annual_volatility(series),
        "sharpe": empyrical.sharpe_ratio(series),
        "sortino": empyrical.sortino_ratio(series),
        "calmar": empyrical.calmar_ratio(series),
        "max_drawdown_pct": 100.0 * empyrical.max_drawdown(series),
        "return_pct": 100.0 * empyrical.cum_returns_final(series),
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_metrics_that_have_no_meaning_are_undefined_not_zero() -> None:
    flat = np.full(10, 10_000.0)
    got = metrics.curve_metrics(flat, 10_000.0, 252)
    assert all(math.isnan(got[name]) for name in ("sharpe", "sortino", "calmar"))
    assert math.isnan(trades.trade_metrics(np.array([]), np.array([]))["win_rate_pct"])
