"""Documents of honesty, and the experiment they are for: the best of many worthless rules is not believed."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.analysis import metrics
from pi5_pipelines.backtest.result import canonical
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.honesty import document
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.deflated import deflated_sharpe, probabilistic_sharpe, return_moments
from pi5_pipelines.honesty.document import check_backtest, check_walk_forward
from pi5_pipelines.honesty.folds import folds_of
from pi5_pipelines.honesty.pbo import overfitting_of_returns
from pi5_pipelines.honesty.trials import SharpeMoments, Tally
from pi5_pipelines.honesty.walkforward import walk_forward

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

SPEC = BacktestSpec(strategy="sma_cross", params={"fast": 10, "slow": 30}, fee_bps=5.0)
ONE = Tally(1, SharpeMoments())


def test_the_best_of_many_worthless_rules_is_not_believed(walk: Callable[..., Bars]) -> None:
    """Two hundred crossings on a random walk, eight walks: the best looks good alone, and is seen through."""
    grid = [(fast, slow) for fast in range(2, 42, 2) for slow in range(45, 145, 10)]
    spec = BacktestSpec(strategy="sma_cross", sizing="all-in-fractional")
    alone, deflated, overfit = [], [], []
    for seed in range(8):
        runner = Runner(spec, [walk(seed, 1000)])
        returns = np.column_stack([runner.run(params).returns() for params in grid])
        sharpes = [metrics.sharpe(one, 1.0) for one in returns.T]
        best = return_moments(returns[:, int(np.argmax(sharpes))])
        alone.append(probabilistic_sharpe(best.sharpe, 0.0, best.count, best.skewness, best.kurtosis))
        deflated.append(deflated_sharpe(best, len(grid), SharpeMoments.of(sharpes).variance))
        overfit.append(overfitting_of_returns(returns, 10).pbo)
    assert np.mean(alone) > 0.85
    assert np.mean([one >= 0.95 for one in alone]) >= 0.25
    assert max(deflated) < 0.95
    assert np.mean(deflated) < 0.75
    assert np.mean(overfit) == pytest.approx(0.5, abs=0.2)


def test_independent_worthless_rules_are_seen_through_in_full() -> None:
    found = []
    for seed in range(30):
        returns = np.random.default_rng(seed).normal(0.0, 0.01, (1000, 200))
        sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        best = return_moments(returns[:, int(sharpes.argmax())])
        found.append(deflated_sharpe(best, 200, SharpeMoments.of(sharpes.tolist()).variance))
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)
    assert np.mean([one >= 0.95 for one in found]) <= 0.1


def test_a_backtest_is_checked_in_a_document_that_is_always_the_same(goog: Bars) -> None:
    result = run_backtest(SPEC, [goog])
    found = check_backtest(result, [goog], ONE)
    assert canonical(found) == canonical(check_backtest(result, [goog], ONE))
    assert json.loads(canonical(found)) == found
    figures = found["figures"]
    assert figures["sharpe"] == pytest.approx(result.document["sharpe"])
    assert figures["deflated_sharpe"] == figures["probability_above_zero"]
    assert figures["sharpe_low"] < figures["sharpe"] < figures["sharpe_high"]
    assert figures["permutations"] == 465
    assert 1 / 466 <= figures["p_value"] <= 1.0
    assert found["level"] == "doubtful"
    assert "buying and holding had a Sharpe ratio of 0.8" in found["sentences"][0]
    assert len(found["bands"]["equity"]) == len(found["bands"]["levels"])


def test_the_more_was_tried_the_less_is_believed(goog: Bars) -> None:
    result = run_backtest(SPEC, [goog])
    tried = Tally(1000, SharpeMoments(1000, 0.0, 0.4))
    figures = check_backtest(result, [goog], tried)["figures"]
    assert figures["deflated_sharpe"] < 0.5
    assert figures["luck_sharpe"] == pytest.approx(math.sqrt(0.4 / 999) * 3.26 * math.sqrt(252), rel=0.01)


@pytest.mark.parametrize("length", [2, 9, 15, 25, 60])
def test_short_runs_are_checked_as_far_as_they_go(walk: Callable[..., Bars], length: int) -> None:
    bars = walk(5, length, drift=0.01)
    found = check_backtest(run_backtest(BacktestSpec(strategy="buy_and_hold"), [bars]), [bars], ONE)
    assert found["level"] != "good"
    assert ("p_value" in found["figures"]) == (length >= 10)
    assert ("sharpe_low" in found["figures"]) == (length > 20)


def test_a_ruined_account_is_bad(walk: Callable[..., Bars]) -> None:
    bars = walk(5, 300, drift=-0.01)
    spec = BacktestSpec(strategy="buy_and_hold", sizing="units=5000")
    result = run_backtest(spec, [bars])
    assert result.document["ruined"]
    assert check_backtest(result, [bars], ONE)["level"] == "bad"


def test_a_walk_forward_is_a_document_too(goog: Bars) -> None:
    grid = np.array([(fast, slow) for fast in (5, 10) for slow in (20, 30)], dtype=np.float64)
    found = walk_forward(SPEC, [goog], grid, folds_of(len(goog), 504, 252))
    told = check_walk_forward(found, [goog], ONE)
    assert json.loads(canonical(told)) == told
    assert told["figures"]["folds"] == len(told["folds"]) == len(found.outcomes)
    assert told["folds"][0]["train_start"] == "2004-08-20"
    assert told["folds"][0]["train_end"] < told["folds"][0]["test_start"] == told["ts"][1]
    assert told["ts"][-1] == "2013-03-01"
    assert told["equity"][0] == 10_000.0
    assert told["figures"]["return_pct"] == pytest.approx((told["equity"][-1] / 10_000.0 - 1) * 100)
    assert set(told["parameters"]) == {"fast", "slow"}


def test_many_symbols_are_checked_together(walk: Callable[..., Bars], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_PERMUTED", 99)
    bars = [walk(seed, 400, f"S{seed}", drift=0.0005) for seed in range(3)]
    spec = BacktestSpec(strategy="momentum_rotation", params={"lookback": 20, "skip": 0, "top": 1, "hold": 5})
    found = check_backtest(run_backtest(spec, bars), bars, ONE)
    assert found["figures"]["permutations"] == 99
    assert len(found["neighbours"]) >= 5
