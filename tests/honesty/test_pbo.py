"""Cross-validation of a search: against a plain reading of the paper, and on searches whose answer is known."""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty import pbo
from pi5_pipelines.honesty.moments import block_bounds, block_moments
from pi5_pipelines.honesty.pbo import overfitting, overfitting_of_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray


def plain_logits(returns: NDArray[np.float64], blocks: int) -> dict[tuple[int, ...], float]:
    """Section 2 of the paper step by step: logit of the winner's rank by the blocks taken as in-sample."""
    parts = np.split(returns, blocks)
    found = {}
    for taken in combinations(range(blocks), blocks // 2):
        inside = np.concatenate([parts[b] for b in range(blocks) if b in taken])
        outside = np.concatenate([parts[b] for b in range(blocks) if b not in taken])
        train = inside.mean(axis=0) / inside.std(axis=0, ddof=1)
        test = outside.mean(axis=0) / outside.std(axis=0, ddof=1)
        winner = int(np.argmax(train))
        rank = sorted(test).index(test[winner]) + 1
        share = rank / (returns.shape[1] + 1)
        found[taken] = math.log(share / (1.0 - share))
    return found


@pytest.mark.parametrize(("bars", "trials", "blocks"), [(240, 7, 6), (160, 40, 8), (64, 2, 4)])
def test_logits_are_those_of_a_plain_reading_of_the_paper(bars: int, trials: int, blocks: int) -> None:
    returns = np.random.default_rng(bars).normal(0.0005, 0.01, (bars, trials))
    expected = plain_logits(returns, blocks)
    found = overfitting_of_returns(returns, blocks)
    assert sorted(found.logits) == pytest.approx(sorted(expected.values()))
    assert found.pbo == pytest.approx(np.mean([one <= 0.0 for one in expected.values()]))


def test_the_size_of_a_chunk_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    returns = np.random.default_rng(5).normal(0.0, 0.01, (400, 30))
    whole = overfitting_of_returns(returns, 10)
    monkeypatch.setattr(pbo, "CHUNK_VALUES", 90)
    pieces = overfitting_of_returns(returns, 10)
    assert sorted(whole.logits) == pytest.approx(sorted(pieces.logits))
    assert (whole.pbo, whole.first_order, whole.second_order) == (pieces.pbo, pieces.first_order, pieces.second_order)
    assert whole.slope == pytest.approx(pieces.slope)
    assert whole.logits.size == math.comb(10, 5)


def test_moments_of_blocks_are_enough() -> None:
    returns = np.random.default_rng(6).standard_t(4, (1003, 12)) * 0.01
    bounds = block_bounds(1003, 16)
    kept = block_moments(returns, bounds)
    assert bounds[0] == 0
    assert bounds[-1] == 1003
    assert set(np.diff(bounds)) <= {62, 63}
    for b in range(16):
        part = returns[bounds[b] : bounds[b + 1]]
        assert kept.total[b] == pytest.approx(part.sum(axis=0))
        assert kept.squares[b] == pytest.approx((part**2).sum(axis=0))
    assert overfitting(kept).pbo == overfitting_of_returns(returns, 16).pbo


def test_the_best_of_worthless_combinations_is_a_coin_toss() -> None:
    found = [
        overfitting_of_returns(np.random.default_rng(seed).normal(0.0, 0.01, (800, 50)), 10).pbo for seed in range(40)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)


def test_one_truly_good_combination_is_found_again() -> None:
    returns = np.random.default_rng(1).normal(0.0, 0.01, (1000, 50))
    returns[:, 17] += 0.002
    found = overfitting_of_returns(returns, 12)
    assert found.pbo < 0.05
    assert found.probability_of_loss < 0.05
    assert found.first_order
    assert found.second_order


def test_combinations_whose_luck_must_turn_are_all_overfit() -> None:
    """Every combination has the same total, so what it wins in one half it lacks in the other."""
    returns = np.random.default_rng(2).normal(0.0, 0.01, (600, 40))
    returns -= returns.mean(axis=0)
    found = overfitting_of_returns(returns, 10)
    assert found.pbo > 0.95
    assert found.slope == pytest.approx(-1.0, abs=0.1)
    assert found.probability_of_loss > 0.99
    assert not found.first_order
    assert not found.second_order


def test_what_never_trades_is_a_sharpe_ratio_of_nothing() -> None:
    returns = np.random.default_rng(3).normal(-0.001, 0.01, (400, 5))
    returns[:, 2] = 0.0
    found = overfitting_of_returns(returns, 8)
    assert np.isfinite(found.logits).all()
    assert (found.in_sample >= 0.0).all()


@pytest.mark.parametrize(
    ("shape", "blocks", "message"),
    [((100, 1), 4, "1 combinations"), ((7, 3), 4, "7 returns are too few"), ((100, 3), 5, "5 blocks of time")],
)
def test_too_little_to_judge_is_refused(shape: tuple[int, int], blocks: int, message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        overfitting_of_returns(np.ones(shape), blocks)


def test_undefined_returns_are_refused() -> None:
    returns = np.zeros((100, 3))
    returns[5, 1] = math.nan
    with pytest.raises(BacktestError, match="not a finite number"):
        overfitting_of_returns(returns, 4)
