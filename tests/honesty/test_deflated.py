"""Sharpe ratios with their doubt: the papers' own examples to the printed digit, and what must hold for any series."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.honesty.deflated import (
    ReturnMoments,
    deflated_sharpe,
    expected_max_sharpe,
    min_track_record,
    probabilistic_sharpe,
    return_moments,
)

DAYS = 250
# Bailey, Lopez de Prado (2014), numerical example: five years of days, annualised Sharpe ratio 2.5.
DAILY = 2.5 / math.sqrt(DAYS)
SKEWED = ReturnMoments(1250, DAILY, -3.0, 10.0)
NORMAL = ReturnMoments(1250, DAILY, 0.0, 3.0)
VARIANCE = 0.5 / DAYS


def test_the_deflated_sharpe_ratio_of_the_paper() -> None:
    assert round(expected_max_sharpe(100, VARIANCE), 4) == 0.1132
    assert round(deflated_sharpe(SKEWED, 100, VARIANCE), 4) == 0.9004
    assert round(deflated_sharpe(SKEWED, 46, VARIANCE), 4) == 0.9505
    assert round(deflated_sharpe(NORMAL, 88, VARIANCE), 4) == 0.9505


def test_the_probabilistic_sharpe_ratio_of_the_paper() -> None:
    """Bailey, Lopez de Prado (2012): 24 monthly returns with a Sharpe ratio of 0.458."""
    assert round(probabilistic_sharpe(0.458, 0.0, 24), 3) == 0.982
    assert round(probabilistic_sharpe(0.458, 0.0, 24, -2.448, 10.164), 3) == 0.913


@pytest.mark.parametrize(
    ("a_year", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_the_minimum_track_record_of_the_paper(a_year: int, skewness: float, kurtosis: float, years: float) -> None:
    """Bailey, Lopez de Prado (2012): to believe that an annualised Sharpe ratio of 2 is above 1, by 95 %."""
    length = min_track_record(2.0 / math.sqrt(a_year), 1.0 / math.sqrt(a_year), skewness, kurtosis)
    assert round(length / a_year, 2) == years


@given(
    sharpe=st.floats(0.01, 0.5),
    skewness=st.floats(-2.0, 0.5),
    kurtosis=st.floats(6.0, 20.0),
    confidence=st.floats(0.6, 0.99),
)
def test_at_the_minimum_track_record_the_probability_is_the_one_asked_for(
    sharpe: float, skewness: float, kurtosis: float, confidence: float
) -> None:
    length = min_track_record(sharpe, 0.0, skewness, kurtosis, confidence)
    # Whole returns only: the ceiling reaches the confidence, one less does not.
    enough = math.ceil(length)
    assert probabilistic_sharpe(sharpe, 0.0, enough, skewness, kurtosis) >= confidence - 1e-9
    if enough > 3:
        assert probabilistic_sharpe(sharpe, 0.0, enough - 1, skewness, kurtosis) < confidence + 1e-9


@pytest.mark.parametrize("trials", [10, 100, 1000])
def test_the_expected_maximum_is_what_random_trials_show(trials: int) -> None:
    draws = np.random.default_rng(trials).normal(0.0, 0.3, (4000, trials)).max(axis=1).mean()
    # The formula is a limit for many trials; for ten it lies some 2 % too high.
    assert expected_max_sharpe(trials, 0.09) == pytest.approx(draws, rel=0.03)


def test_more_trials_never_make_a_result_more_likely() -> None:
    found = [deflated_sharpe(SKEWED, trials, VARIANCE) for trials in (1, 2, 10, 1_000, 10**6, 10**12)]
    assert found == sorted(found, reverse=True)
    assert found[0] == probabilistic_sharpe(DAILY, 0.0, 1250, -3.0, 10.0)


def test_moments_are_those_of_a_known_sample() -> None:
    found = return_moments(np.array([math.nan, 1.0, 2.0, 3.0, 10.0]))
    # By hand: mean 4, deviations -3 -2 -1 6, squares 50, cubes 180, fourth powers 1394.
    assert found.count == 4
    assert found.sharpe == pytest.approx(4.0 / math.sqrt(50.0 / 3.0))
    assert found.skewness == pytest.approx(45.0 / 12.5**1.5)
    assert found.kurtosis == pytest.approx(348.5 / 12.5**2)


@pytest.mark.parametrize("series", [[], [0.1], [math.nan, 0.1], [0.0, 0.0, 0.0]])
def test_what_never_moves_has_no_sharpe_ratio(series: list[float]) -> None:
    found = return_moments(np.array(series))
    assert math.isnan(found.sharpe)
    assert math.isnan(deflated_sharpe(found, 10, 0.1))
    assert math.isnan(min_track_record(found.sharpe))


def test_a_sharpe_ratio_below_the_benchmark_is_never_believed() -> None:
    assert min_track_record(0.05, 0.05) == math.inf
    assert probabilistic_sharpe(0.05, 0.05, 100) == 0.5
