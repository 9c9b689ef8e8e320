"""Permuted bars stay possible bars of the same distribution; p-values are even where nothing is to be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.analysis import metrics
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.permutation import permutation_test, permuted, positions_test

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pi5_pipelines.backtest.bars import Bars


def fast_cross(bars: Sequence[Bars]) -> float:
    spec = BacktestSpec(strategy="sma_cross", sizing="all-in-fractional")
    return float(np.nan_to_num(metrics.sharpe(Runner(spec, bars).run((1.0, 3.0)).returns(), 252)))


def test_bars_stay_possible_and_their_pieces_the_same(goog: Bars) -> None:
    (made,) = permuted([goog], 5)
    assert (made.high >= np.maximum(made.open, made.close)).all()
    assert (made.low <= np.minimum(made.open, made.close)).all()
    assert made.close[0] == goog.close[0]
    assert made.close[-1] == pytest.approx(goog.close[-1])
    for name in ("high", "low", "close"):
        before, after = (np.sort(np.log(getattr(one, name) / one.open)[1:]) for one in (goog, made))
        assert after == pytest.approx(before, abs=1e-9)
    gaps = [np.sort(np.log(one.open[1:] / one.close[:-1])) for one in (goog, made)]
    assert gaps[1] == pytest.approx(gaps[0], abs=1e-9)
    assert sorted(made.volume) == sorted(goog.volume)
    assert made.ts_us is goog.ts_us
    assert not np.allclose(made.close[10:100], goog.close[10:100])


def test_a_seed_gives_one_permutation(goog: Bars) -> None:
    one, same, other = (permuted([goog], seed)[0].close for seed in (1, 1, 2))
    assert one.tobytes() == same.tobytes() != other.tobytes()


def test_symbols_on_one_clock_are_shuffled_alike(walk: Callable[..., Bars]) -> None:
    twins = [walk(3, 200, "A"), walk(3, 200, "B")]
    made = permuted(twins, 4)
    assert made[0].close.tobytes() == made[1].close.tobytes()
    apart = permuted([walk(3, 200, "A"), walk(3, 150, "B")], 4)
    assert not np.allclose(apart[0].close[:150], apart[1].close)


def test_p_values_are_even_where_nothing_is_to_be_found(walk: Callable[..., Bars]) -> None:
    found = [permutation_test(fast_cross, [walk(seed, 300)], 19, seed).p_value for seed in range(60)]
    assert np.mean(found) == pytest.approx(0.525, abs=0.1)
    assert np.mean([one <= 0.05 for one in found]) <= 0.15
    assert min(found) >= 1 / 20


def test_a_pattern_in_the_order_of_bars_is_found(walk: Callable[..., Bars]) -> None:
    found = permutation_test(fast_cross, [walk(1, 800, memory=0.3)], 49)
    assert found.p_value == pytest.approx(0.02)
    assert found.observed > found.shuffled.max()


def test_being_long_in_a_rising_market_is_no_merit(walk: Callable[..., Bars]) -> None:
    market = metrics.returns(walk(2, 800, drift=0.002).close)[1:]
    always = positions_test(np.ones(799), market)
    assert always.p_value == 1.0 or abs(always.observed) < 1e-12
    knows = positions_test((market > 0.0).astype(np.float64), market, 500)
    assert knows.p_value == pytest.approx(1 / 501)


def test_positions_without_knowledge_are_even() -> None:
    rng = np.random.default_rng(8)
    found = [
        positions_test(rng.integers(-1, 2, 300).astype(np.float64), rng.normal(0.0, 0.01, 300), 99, seed).p_value
        for seed in range(150)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.07)


def test_too_little_to_shuffle_is_refused(walk: Callable[..., Bars]) -> None:
    with pytest.raises(BacktestError, match="9 bars are too few"):
        permuted([walk(1, 9)], 0)
    with pytest.raises(BacktestError, match="0 permutations"):
        permutation_test(fast_cross, [walk(1, 100)], 0)
