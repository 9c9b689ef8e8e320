"""Figures of returns where they have no meaning: undefined, and no warning."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pi5_pipelines.analysis import distribution
from pi5_pipelines.analysis.benchmark import NAMES, benchmark_metrics

SHAPES = (
    distribution.omega,
    distribution.tail_ratio,
    distribution.skew,
    distribution.kurtosis,
    distribution.stability,
)

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("figure", SHAPES)
@pytest.mark.parametrize("series", [[], [0.0] * 20, [0.0]])
def test_of_nothing_and_of_rest_there_is_no_shape(figure: object, series: list[float]) -> None:
    assert callable(figure)
    assert math.isnan(figure(np.array(series)))


def test_of_nothing_there_is_no_risk() -> None:
    none = np.zeros(0)
    assert math.isnan(distribution.downside_risk(none, 252.0))
    assert math.isnan(distribution.value_at_risk(none))
    assert math.isnan(distribution.conditional_value_at_risk(none))


def test_equal_returns_have_no_skew_however_they_round() -> None:
    series = np.full(1000, 0.1)
    assert math.isnan(distribution.skew(series))
    assert math.isnan(distribution.kurtosis(series))
    assert distribution.stability(series) == pytest.approx(1.0)


def test_an_account_that_lost_everything_has_no_stability() -> None:
    assert math.isnan(distribution.stability(np.array([0.1, -1.0, 0.0])))


@pytest.mark.parametrize("size", [0, 1])
def test_one_return_cannot_be_held_against_another(size: int) -> None:
    found = benchmark_metrics(np.full(size, 0.1), np.full(size, 0.2), 252.0)
    assert list(found) == list(NAMES)
    assert all(map(math.isnan, found.values()))


def test_a_benchmark_at_rest_explains_nothing() -> None:
    found = benchmark_metrics(np.array([0.1, -0.2, 0.3]), np.zeros(3), 252.0)
    assert math.isnan(found["beta"])
    assert math.isnan(found["alpha_pct"])
    assert math.isnan(found["correlation"])
    assert math.isnan(found["up_capture_pct"])
    assert found["tracking_error_pct"] == pytest.approx(np.std([0.1, -0.2, 0.3], ddof=1) * math.sqrt(252.0) * 100.0)


def test_the_benchmark_itself_has_beta_one_and_nothing_of_its_own() -> None:
    series = np.array([0.1, -0.2, 0.3, 0.0])
    found = benchmark_metrics(series, series, 252.0)
    assert found["beta"] == pytest.approx(1.0)
    assert found["correlation"] == pytest.approx(1.0)
    assert found["alpha_pct"] == pytest.approx(0.0, abs=1e-9)
    assert found["tracking_error_pct"] == 0.0
    assert math.isnan(found["information_ratio"])
    assert found["up_capture_pct"] == found["down_capture_pct"] == 100.0


def test_a_ruinous_alpha_is_the_loss_of_everything() -> None:
    found = benchmark_metrics(np.array([-1.5, -1.4, -1.6]), np.array([0.01, 0.02, -0.01]), 252.0)
    assert found["alpha_pct"] == -100.0
