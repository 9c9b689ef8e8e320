"""The bootstrap: block lengths against theory, confidence that is what it says, bounded memory, one answer a seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty import bootstrap
from pi5_pipelines.honesty.bootstrap import bands, block_length, resampled


def autoregressive(seed: int, length: int, memory: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    rng = np.random.default_rng(seed)
    series = rng.normal(0.0, 0.01, length)
    for i in range(1, length):
        series[i] += memory * series[i - 1]
    return series


@pytest.mark.parametrize("memory", [0.3, 0.6])
def test_the_block_length_of_an_autoregression_is_the_one_of_theory(memory: float) -> None:
    """For an AR(1) the optimum is (2 rho / (1 - rho^2))^(2/3) T^(1/3)."""
    length = 5_000
    expected = (2 * memory / (1 - memory**2)) ** (2 / 3) * length ** (1 / 3)
    found = [block_length(autoregressive(seed, length, memory)) for seed in range(8)]
    assert np.median(found) == pytest.approx(expected, rel=0.15)


@pytest.mark.parametrize(
    ("seed", "memory", "length", "expected"),
    [(1, 0.3, 1000, 6.663954), (2, 0.6, 2000, 12.960895), (3, -0.3, 1500, 8.029128), (4, 0.9, 3000, 49.766337)],
)
def test_the_block_length_is_that_of_another_implementation(
    seed: int, memory: float, length: int, expected: float
) -> None:
    """Figures of arch 8.0.0, optimal_block_length, column "stationary"."""
    assert block_length(autoregressive(seed, length, memory)) == pytest.approx(expected, abs=1e-6)


def test_independent_returns_need_hardly_any_block() -> None:
    found = [block_length(autoregressive(seed, 2_000, 0.0)) for seed in range(20)]
    assert np.median(found) < 4.0
    assert block_length(np.zeros(50)) == 1.0


@pytest.mark.parametrize("length", [1.0, 7.5, 40.0])
def test_runs_follow_the_series_and_have_the_mean_length(length: float) -> None:
    places = np.concatenate(list(resampled(500, length, 400, 3)))
    assert places.shape == (400, 500)
    assert places.min() == 0
    assert places.max() == 499
    goes_on = (places[:, 1:] - places[:, :-1]) % 500 == 1
    # A new run may by chance begin where the last one would have gone on.
    chance = 1.0 - (1.0 - 1.0 / 500) / length
    assert goes_on.mean() == pytest.approx(chance, abs=0.01)
    assert np.bincount(places.ravel(), minlength=500).std() / 400 < 0.35


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(100):
        series = np.random.default_rng(seed).normal(0.0005, 0.01, 750)
        found = bands(series, 252, paths=300, confidence=0.9, seed=seed)
        inside += found.sharpe_low <= 0.05 * math.sqrt(252) <= found.sharpe_high
    assert 82 <= inside <= 97


def test_bands_are_ordered_repeatable_and_begin_and_end_where_the_series_does() -> None:
    series = autoregressive(4, 900, 0.2) + 0.0003
    found, again = (bands(series, 252, paths=400, seed=9) for _ in range(2))
    assert found.equity.tobytes() == again.equity.tobytes()
    assert (np.diff(found.equity, axis=0) >= 0.0).all()
    assert (np.diff(found.drawdown) >= 0.0).all()
    assert found.at[0] == 1
    assert found.at[-1] == 900
    assert found.equity.shape == (5, found.at.size)
    other = bands(series, 252, paths=400, seed=10)
    assert other.sharpe_low != found.sharpe_low
    assert other.sharpe_low == pytest.approx(found.sharpe_low, abs=0.35)


def test_chunks_hold_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "CHUNK_VALUES", 2_000)
    chunks = list(resampled(300, 5.0, 50, 1))
    assert sum(len(one) for one in chunks) == 50
    assert max(one.size for one in chunks) <= 2_000
    assert bands(autoregressive(1, 300, 0.0), 252, paths=50).equity.shape[0] == 5


@pytest.mark.parametrize("series", [np.zeros(5), np.array([0.01, math.nan] * 30)])
def test_what_cannot_be_drawn_from_is_refused(series: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    with pytest.raises(BacktestError, match="bootstrap"):
        bands(series, 252)
