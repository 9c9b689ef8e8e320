"""Walk-forward: folds that do not overlap, one account through them, and nothing of the future in any of it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.analysis import metrics
from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.folds import folds_of
from pi5_pipelines.honesty.switching import Turn, plan_of, switching_decide, switching_loop
from pi5_pipelines.honesty.walkforward import stitched, walk_forward

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.honesty.folds import Fold

pytestmark = pytest.mark.xdist_group("compiled")

GRID = np.array([(fast, slow) for fast in (2, 5, 9) for slow in (12, 20, 31)], dtype=np.float64)
SPEC = BacktestSpec(strategy="sma_cross", fee_bps=5.0, slippage_bps=2.0)
COLUMNS = ("open", "high", "low", "close", "volume")


@given(
    bars=st.integers(100, 3000),
    train=st.integers(20, 600),
    test=st.integers(20, 300),
    gap=st.integers(0, 50),
    anchored=st.booleans(),
)
def test_tests_lie_side_by_side_and_behind_their_train(
    bars: int,
    train: int,
    test: int,
    gap: int,
    anchored: bool,  # noqa: FBT001 - hypothesis gives it by name
) -> None:
    if 1 + train + gap + 20 > bars:
        with pytest.raises(BacktestError, match="bars are too few"):
            folds_of(bars, train, test, gap, anchored=anchored)
        return
    folds = folds_of(bars, train, test, gap, anchored=anchored)
    for one in folds:
        assert 1 <= one.train_start < one.train_stop == one.test_start - gap
        assert one.test_start < one.test_stop <= bars
        assert one.train_stop - one.train_start >= train
        assert anchored or one.train_stop - one.train_start == train
    assert all(before.test_stop == now.test_start for before, now in pairwise(folds))
    assert bars - folds[-1].test_stop < 20
    assert not anchored or {one.train_start for one in folds} == {1}


@pytest.mark.parametrize(("train", "test", "gap"), [(19, 50, 0), (50, 19, 0), (50, 50, -1)])
def test_folds_that_make_no_sense_are_refused(train: int, test: int, gap: int) -> None:
    with pytest.raises(BacktestError, match="walk-forward"):
        folds_of(1000, train, test, gap)


def changed_from(bars: Bars, at: int) -> Bars:
    """The same bars up to `at`, then others."""
    rng = np.random.default_rng(at)
    columns = {name: getattr(bars, name).copy() for name in COLUMNS}
    factor = np.exp(np.cumsum(rng.normal(0.0, 0.05, len(bars) - at)))
    for name in ("open", "high", "low", "close"):
        columns[name][at:] *= factor
    return replace(bars, **columns)


@pytest.mark.parametrize("anchored", [False, True])
def test_another_future_leaves_earlier_folds_alone(goog: Bars, anchored: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    folds = folds_of(len(goog), 300, 120, 5, anchored=anchored)
    whole = walk_forward(SPEC, [goog], GRID, folds)
    for k in (1, 4, 9):
        stop = folds[k].test_stop
        other = walk_forward(SPEC, [changed_from(goog, stop)], GRID, folds)
        assert other.outcomes[: k + 1] == whole.outcomes[: k + 1]
        until = stop - folds[0].test_start + 1
        assert other.equity[:until].tobytes() == whole.equity[:until].tobytes()
        assert other.outcomes != whole.outcomes


def test_the_purge_hides_the_bars_before_a_test(goog: Bars) -> None:
    """Returns within the gap decide nothing: the choice stays when they change and all others do not."""
    (fold, *_) = folds_of(len(goog), 400, 300, 30)
    columns = {name: getattr(goog, name).copy() for name in COLUMNS}
    for name in ("open", "high", "low", "close"):
        columns[name][fold.train_stop : fold.test_start] *= 1.5
    spiked = replace(goog, **columns)
    chosen = [walk_forward(SPEC, [bars], GRID, [fold]).outcomes[0] for bars in (goog, spiked)]
    assert chosen[0].params == chosen[1].params
    assert chosen[0].train_sharpe == chosen[1].train_sharpe
    assert chosen[0].test_sharpe != chosen[1].test_sharpe


def test_in_sample_figures_are_those_of_the_run_cut_to_the_train(goog: Bars) -> None:
    folds = folds_of(len(goog), 500, 250)
    found = walk_forward(SPEC, [goog], GRID, folds)
    for one in found.outcomes[:3]:
        every = []
        for fast, slow in GRID:
            spec = msgspec.structs.replace(SPEC, params={"fast": fast, "slow": slow})
            equity = run_backtest(spec, [goog]).equity
            every.append(metrics.sharpe(metrics.returns(equity[one.fold.train_start - 1 : one.fold.train_stop]), 252))
        assert one.train_sharpe == pytest.approx(max(every))
        best = GRID[int(np.argmax(every))]
        assert list(one.params.values()) == best.tolist()


def test_one_turn_from_the_first_bar_is_the_plain_backtest(goog: Bars) -> None:
    runner = Runner(SPEC, [goog])
    plan, memory = plan_of(runner.strategy, [Turn((5.0, 20.0), 0, 2**60)], 1)
    account = runner.run_loop(switching_loop("sma_cross"), plan, memory)
    spec = msgspec.structs.replace(SPEC, params={"fast": 5, "slow": 20})
    assert account.equity.tobytes() == run_backtest(spec, [goog]).equity.tobytes()


@pytest.mark.parametrize("fill", ["next-open", "close"])
def test_the_account_waits_in_cash_then_decides_as_the_warm_strategy_does(goog: Bars, fill: str) -> None:
    spec = msgspec.structs.replace(SPEC, fill=fill, params={"fast": 9, "slow": 31})
    folds = folds_of(len(goog), 300, 1000)[:1]
    runner = Runner(spec, [goog])
    equity = stitched(runner, [(9.0, 31.0)], folds).equity
    start = folds[0].test_start
    assert (equity[:start] == spec.cash).all()
    # A fill at the first test's open, decided at the close before; at the close, by the test's own first bar.
    assert equity[start] != spec.cash if fill == "next-open" else equity[start + 1] != spec.cash
    plain = Runner(spec, [goog]).run((9.0, 31.0)).curve[driver.CURVE_DECISION].copy()
    turn = Turn((9.0, 31.0), int(goog.ts_us[start]), 2**60)
    plan, memory = plan_of(runner.strategy, [turn], 1)
    decided = runner.run_loop(switching_loop("sma_cross"), plan, memory).curve[driver.CURVE_DECISION]
    assert (decided[:start] == 0.0).all()
    assert (decided[start:] == plain[start:]).all()


def test_a_fold_that_keeps_the_parameters_keeps_the_position(goog: Bars) -> None:
    folds = folds_of(len(goog), 300, 200)
    alike = stitched(Runner(SPEC, [goog]), [(5.0, 20.0)] * len(folds), folds).equity.copy()
    once = stitched(Runner(SPEC, [goog]), [(5.0, 20.0)], folds[:1]).equity
    assert alike.tobytes() == once.tobytes()


def test_turns_compiled_and_in_plain_python_decide_alike(goog: Bars) -> None:
    runner = Runner(SPEC, [goog])
    times = [int(one) for one in goog.ts_us[[200, 500, 900]]]
    turns = [Turn((5.0, 20.0), times[0], times[1]), Turn((2.0, 31.0), times[1], times[2])]
    plan, memory = plan_of(runner.strategy, turns, 1)
    compiled = runner.run_loop(switching_loop("sma_cross"), plan, memory).curve.copy()
    decide = runner.strategy.decide
    assert decide is not None
    plain = runner.run_loop(driver.one_symbol(switching_decide(decide)), plan, memory).curve
    assert np.array_equal(compiled, plain, equal_nan=True)


def test_many_symbols_walk_forward_too(walk: Callable[..., Bars]) -> None:
    bars = [walk(seed, 700, f"S{seed}", drift=seed * 1e-4) for seed in range(5)]
    spec = BacktestSpec(strategy="momentum_rotation", fee_bps=2.0, direction="long")
    grid = np.array([(look, 1, top, 5) for look in (10, 40) for top in (1, 2)], dtype=np.float64)
    folds = folds_of(700, 200, 100)
    found = walk_forward(spec, bars, grid, folds)
    assert len(found.outcomes) == 5
    other = walk_forward(spec, [changed_from(one, folds[2].test_stop) for one in bars], grid, folds)
    until = folds[2].test_stop - folds[0].test_start + 1
    assert other.equity[:until].tobytes() == found.equity[:until].tobytes()
    assert other.equity[-1] != found.equity[-1]
    alike = [tuple(grid[0])] * len(folds)
    assert _traded(bars, spec, alike, folds).any()


def _traded(
    bars: list[Bars], spec: BacktestSpec, chosen: list[tuple[float, ...]], folds: Sequence[Fold]
) -> NDArray[np.bool_]:
    equity = stitched(Runner(spec, bars), chosen, folds).equity
    changed: NDArray[np.bool_] = np.diff(equity) != 0.0
    return changed


def test_a_search_on_noise_keeps_nothing_and_one_on_a_real_pattern_keeps_much(walk: Callable[..., Bars]) -> None:
    grid = np.array([(fast, slow) for fast in (1, 2, 3) for slow in (4, 8, 16, 32)], dtype=np.float64)
    spec = BacktestSpec(strategy="sma_cross")
    noise, real = [], []
    for seed in range(8):
        folds = folds_of(1500, 400, 100)
        noise.append(walk_forward(spec, [walk(seed, 1500)], grid, folds))
        real.append(walk_forward(spec, [walk(seed, 1500, memory=0.25)], grid, folds))
    ranks = [one.rank for found in noise for one in found.outcomes]
    assert np.mean(ranks) == pytest.approx(0.5, abs=0.1)
    assert np.mean([found.metrics["sharpe"] for found in noise]) == pytest.approx(0.0, abs=0.5)
    assert np.mean([found.metrics["sharpe"] for found in real]) > 1.0
    assert np.mean([found.efficiency for found in real]) > 0.5


def test_an_unknown_objective_and_an_empty_space_are_refused(goog: Bars) -> None:
    folds = folds_of(len(goog), 500, 250)
    with pytest.raises(BacktestError, match="no such objective: 'luck'"):
        walk_forward(SPEC, [goog], GRID, folds, "luck")
    with pytest.raises(BacktestError, match="no combination"):
        walk_forward(SPEC, [goog], GRID[:0], folds)
