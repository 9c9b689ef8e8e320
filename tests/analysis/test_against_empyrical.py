"""Every figure that empyrical-reloaded has, against it, on random curves.

It and scipy take seconds to load: only the process that runs these tests loads them.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pi5_pipelines.analysis import distribution, metrics
from pi5_pipelines.analysis.benchmark import benchmark_metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray

DAY_US = 86_400_000_000
SIZES = st.integers(3, 300)
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def returns(draw: st.DrawFn, size: int | None = None) -> NDArray[np.float64]:
    """Returns of an account that moves: fat tails, a drift, some bars at rest."""
    rng = np.random.default_rng(draw(SEEDS))
    length = draw(SIZES) if size is None else size
    series = np.clip(rng.standard_t(3, length) * draw(st.floats(0.001, 0.05)) + draw(st.floats(-0.01, 0.01)), -0.5, 1.0)
    series[rng.random(length) < draw(st.floats(0.0, 0.5))] = 0.0
    assume(series.std() > 1e-6)
    return np.asarray(series, dtype=np.float64)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Returns and a benchmark's of the same bars, more or less alike."""
    market = draw(returns())
    own = draw(returns(size=market.size))
    return own + draw(st.floats(-1.0, 1.0)) * np.clip(market, -0.4, 0.4), market


def same(found: float, expected: float) -> None:
    """Equal; where empyrical divides by nothing, undefined."""
    if math.isfinite(expected):
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-11)
    else:
        assert math.isnan(found)


@given(returns())
def test_the_shape_of_returns(series: NDArray[np.float64]) -> None:
    import empyrical
    from scipy import stats  # type: ignore[import-untyped]  # it has no stubs of its own

    with np.errstate(divide="ignore", invalid="ignore"):
        same(distribution.tail_ratio(series), empyrical.tail_ratio(series))
    same(distribution.downside_risk(series, 252.0), empyrical.downside_risk(series))
    same(distribution.value_at_risk(series), empyrical.value_at_risk(series))
    same(distribution.conditional_value_at_risk(series), empyrical.conditional_value_at_risk(series))
    same(distribution.omega(series), empyrical.omega_ratio(series))
    same(distribution.skew(series), stats.skew(series))
    same(distribution.kurtosis(series), stats.kurtosis(series))
    level = np.ptp(np.log1p(series).cumsum()) == 0.0  # of a curve that lies level empyrical says 0
    same(distribution.stability(series), math.nan if level else empyrical.stability_of_timeseries(series))


@given(returns())
def test_the_figures_of_a_curve_are_those_of_its_returns(series: NDArray[np.float64]) -> None:
    import empyrical
    from scipy import stats

    equity = 5_000.0 * np.cumprod(np.append(1.0, 1.0 + series))
    found = metrics.curve_details(metrics.returns(equity), equity, np.arange(equity.size) * DAY_US, 5_000.0, 365.0)
    daily = {"annualization": 365.0}
    same(found["downside_risk_pct"], 100.0 * empyrical.downside_risk(series, **daily))
    same(found["value_at_risk_pct"], 100.0 * empyrical.value_at_risk(series))
    same(found["conditional_value_at_risk_pct"], 100.0 * empyrical.conditional_value_at_risk(series))
    same(found["omega"], empyrical.omega_ratio(series))
    same(found["kurtosis"], stats.kurtosis(series))
    # One bar a day: a calendar year of 365.25 days is a year of as many bars, counted without the first.
    same(found["cagr_pct"], 100.0 * empyrical.cagr(series, annualization=365.25))
    same(found["duration_days"], series.size)


@given(pairs(), st.sampled_from([252.0, 365.0, 1638.0]))
def test_the_figures_against_a_benchmark(both: tuple[NDArray[np.float64], NDArray[np.float64]], periods: float) -> None:
    import empyrical
    from scipy import stats

    own, market = both
    assume((own - market).std() > 1e-6)
    found = benchmark_metrics(own, market, periods)
    year = {"annualization": periods}
    alpha, beta = empyrical.alpha_beta(own, market, **year)
    same(found["beta"], beta)
    if found["alpha_pct"] > -100.0:
        same(found["alpha_pct"], 100.0 * alpha)
    same(found["information_ratio"], empyrical.excess_sharpe(own, market) * math.sqrt(periods))
    same(found["tracking_error_pct"], 100.0 * empyrical.annual_volatility(own - market, **year))
    same(found["correlation"], stats.pearsonr(own, market)[0])
    same(found["batting_average_pct"], 100.0 * empyrical.batting_average(own, market)["batting average"])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        rises, falls = market > 0.0, market < 0.0
        for name, chosen in (("up_capture_pct", rises), ("down_capture_pct", falls)):
            if chosen.any():
                expected = empyrical.annual_return(own[chosen], **year) / empyrical.annual_return(
                    market[chosen], **year
                )
                same(found[name], 100.0 * expected)
            else:
                assert math.isnan(found[name])


@given(pairs())
def test_captures_are_those_of_empyrical_at_252_days(both: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    import empyrical

    own, market = both
    assume((market > 0.0).any())
    assume((market < 0.0).any())
    found = benchmark_metrics(own, market, 252.0)
    same(found["up_capture_pct"], 100.0 * empyrical.up_capture(own, market))
    same(found["down_capture_pct"], 100.0 * empyrical.down_capture(own, market))


@given(pairs())
def test_bars_without_a_return_do_not_count(both: tuple[NDArray[np.float64], NDArray[np.float64]]) -> None:
    own, market = both
    padded = np.concatenate([[math.nan], own, [0.01]]), np.concatenate([[0.02], market, [math.nan]])
    assert benchmark_metrics(*padded, 252.0) == pytest.approx(benchmark_metrics(own, market, 252.0), nan_ok=True)
