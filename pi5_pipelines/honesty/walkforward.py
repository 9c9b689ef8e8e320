"""Walk-forward analysis: choose parameters on the past, trade them on what follows, again and again.

R. Pardo, The Evaluation and Optimization of Trading Strategies (2008), chapters 11 and 12. A decision depends on past
bars only, so the equity of a combination up to a bar is the same whatever follows: each combination runs once over
all bars, and a fold's in-sample figure is that of its train's stretch of the curve, with indicators warm from the bars
before. The chosen combinations then trade in one account, see `switching`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pi5_pipelines.analysis import metrics
from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty.accounts import Account, Runner
from pi5_pipelines.honesty.deflated import ReturnMoments, return_moments
from pi5_pipelines.honesty.moments import BLOCKS, BlockMoments, block_bounds, block_moments, sharpes
from pi5_pipelines.honesty.pbo import Overfitting, overfitting
from pi5_pipelines.honesty.switching import Turn, plan_of, switching_loop
from pi5_pipelines.honesty.trials import SharpeMoments
from trading.rules import NEXT_OPEN
from trading.timeframe import periods_per_year

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec
    from pi5_pipelines.honesty.folds import Fold

    Progress = Callable[[int, int, str], None]

OBJECTIVES = ("sharpe", "return")


@dataclass(frozen=True, slots=True)
class FoldOutcome:
    """What a fold chose and what came of it; Sharpe ratios and mean returns a year.

    `rank` is the place of the chosen combination among all in the test, from 0 (worst) to 1 (best); 0.5 is chance.
    """

    fold: Fold
    params: dict[str, float]
    train_sharpe: float
    test_sharpe: float
    train_return: float
    test_return: float
    rank: float


@dataclass(frozen=True, slots=True)
class WalkForward:
    """All folds, and the one account that traded them; it and `ts_us` begin at the close before the first test.

    `clock` are the times of all bars, which the folds count, and `periods` the bars a year.

    `efficiency` is the mean return a year out of sample over that in sample (Pardo's walk-forward efficiency);
    `sharpe_efficiency` the same of Sharpe ratios; both NaN where the in-sample figure is not positive. `kept` is the
    share of folds that chose the parameters of the fold before. `searched` are the moments of all combinations'
    Sharpe ratios per period over all bars, `overfitting` the cross-validation of the same search.
    """

    outcomes: tuple[FoldOutcome, ...]
    clock: NDArray[np.int64]
    periods: float
    ts_us: NDArray[np.int64]
    account: Account
    returns: ReturnMoments
    metrics: dict[str, float]
    efficiency: float
    sharpe_efficiency: float
    kept: float
    combinations: int
    searched: SharpeMoments
    overfitting: Overfitting | None

    @property
    def equity(self) -> NDArray[np.float64]:
        """Equity at each bar's close, shape of `ts_us`."""
        return self.account.equity


@dataclass(frozen=True, slots=True)
class Search:
    """All combinations' returns as sums: over the folds' stretches, and over equal blocks; Sharpe ratio of each."""

    stretches: BlockMoments
    blocks: BlockMoments
    sharpe: NDArray[np.float64]


def walk_forward(
    spec: BacktestSpec,
    bars: Sequence[Bars],
    combinations: NDArray[np.float64],
    folds: Sequence[Fold],
    objective: str = "sharpe",
    progress: Progress | None = None,
) -> WalkForward:
    """Choose on every fold's train, trade in its test; raises BacktestError.

    `combinations`, shape (N, P), are full sets of parameters in the strategy's order. Of equally good ones the first
    is chosen; one that held nothing in a train is chosen only when all did.
    """
    import numpy as np

    if objective not in OBJECTIVES:
        raise BacktestError(f"no such objective: {objective!r}", hint=f"there are: {', '.join(OBJECTIVES)}")
    if combinations.shape[0] < 1:
        raise BacktestError("there is no combination to try", where="walk-forward", hint="widen the ranges")
    runner = Runner(spec, bars)
    periods = periods_per_year(bars[0].timeframe, bars[0].calendar)
    bounds = _bounds(folds)
    found = search(runner, combinations, bounds, progress)
    trained = _taken(bounds, [(fold.train_start, fold.train_stop) for fold in folds])
    tested = _taken(bounds, [(fold.test_start, fold.test_stop) for fold in folds])
    train_sharpe, test_sharpe = sharpes(found.stretches, trained), sharpes(found.stretches, tested)
    train_return = trained @ found.stretches.total / (trained @ found.stretches.count)[:, None]
    score = train_sharpe if objective == "sharpe" else train_return
    idle = trained @ found.stretches.squares == 0.0
    chosen = np.where(idle, -np.inf, score).argmax(axis=1)
    account = stitched(runner, [tuple(combinations[n]) for n in chosen], folds)
    names = [parameter.name for parameter in runner.strategy.parameters]
    outcomes = []
    for k, (fold, n) in enumerate(zip(folds, chosen, strict=True)):
        series = metrics.returns(account.equity[fold.test_start - 1 : fold.test_stop])
        beaten = (test_sharpe[k] < test_sharpe[k, n]).sum() + ((test_sharpe[k] == test_sharpe[k, n]).sum() - 1) / 2
        outcomes.append(
            FoldOutcome(
                fold=fold,
                params=dict(zip(names, combinations[n].tolist(), strict=True)),
                train_sharpe=float(train_sharpe[k, n]) * math.sqrt(periods),
                test_sharpe=float(np.nan_to_num(metrics.sharpe(series, periods))),
                train_return=float(train_return[k, n]) * periods,
                test_return=float(np.nanmean(series)) * periods,
                rank=float(beaten) / max(1, combinations.shape[0] - 1) if combinations.shape[0] > 1 else 0.5,
            )
        )
    return _summed(outcomes, account, runner.columns.ts_us, found, periods)


def search(
    runner: Runner, combinations: NDArray[np.float64], bounds: NDArray[np.int64], progress: Progress | None = None
) -> Search:
    """Run every combination once over all bars; `bounds` cut its returns into stretches. Raises BacktestError."""
    import numpy as np

    trials, bars = combinations.shape[0], runner.columns.ts_us.size
    equal = block_bounds(bars - 1, BLOCKS)
    totals = [np.empty((one.size - 1, trials)) for one in (bounds, bounds, equal, equal)]
    sharpe = np.empty(trials)
    for n, params in enumerate(combinations):
        series = runner.run(tuple(params)).returns()
        for at, one in ((0, bounds), (2, equal)):
            part = block_moments(series[:, None], one)
            totals[at][:, n], totals[at + 1][:, n] = part.total[:, 0], part.squares[:, 0]
        sharpe[n] = metrics.sharpe(series, 1.0)
        if progress and n % 16 == 0:
            progress(n, trials, "combinations")
    counts = [np.diff(one).astype(np.float64) for one in (bounds, equal)]
    return Search(BlockMoments(counts[0], *totals[:2]), BlockMoments(counts[1], *totals[2:]), sharpe)


def stitched(runner: Runner, chosen: Sequence[tuple[float, ...]], folds: Sequence[Fold]) -> Account:
    """The one account that trades each fold's parameters in its test.

    A test's first order may fill at the open of its first bar: it is decided at the close before, which no bar of the
    test has a part in.
    """
    clock = runner.columns.ts_us
    early = 1 if runner.spec.rules().fill_at == NEXT_OPEN else 0
    begins = [int(clock[fold.test_start - early]) for fold in folds]
    ends = [*begins[1:], int(clock[-1]) + 1]
    turns = [Turn(params, *span) for params, *span in zip(chosen, begins, ends, strict=True)]
    plan, memory = plan_of(runner.strategy, turns, runner.symbols)
    return runner.run_loop(switching_loop(runner.spec.strategy, runner.loop), plan, memory)


def _bounds(folds: Sequence[Fold]) -> NDArray[np.int64]:
    """Where any train or test begins or ends, as places in the returns (the return of bar i is the one before i)."""
    import numpy as np

    edges = {edge for f in folds for edge in (f.train_start, f.train_stop, f.test_start, f.test_stop)}
    return np.array(sorted(edges), dtype=np.int64) - 1


def _taken(bounds: NDArray[np.int64], spans: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Which stretches lie in each span of bars, 0/1 of shape (spans, stretches)."""
    import numpy as np

    starts, stops = (np.array(edge, dtype=np.int64)[:, None] - 1 for edge in zip(*spans, strict=True))
    return ((bounds[:-1] >= starts) & (bounds[1:] <= stops)).astype(np.float64)


def _summed(
    outcomes: Sequence[FoldOutcome],
    whole: Account,
    clock: NDArray[np.int64],
    found: Search,
    periods: float,
) -> WalkForward:
    import numpy as np

    first, last = outcomes[0].fold.test_start - 1, outcomes[-1].fold.test_stop
    account = whole.between(first, last)
    equity = account.equity
    figures = metrics.curve_metrics(equity, float(equity[0]), periods)
    trained = float(np.mean([one.train_return for one in outcomes]))
    trained_sharpe = float(np.mean([one.train_sharpe for one in outcomes]))
    series = metrics.returns(equity)
    same = [before.params == now.params for before, now in pairwise(outcomes)]
    trials = found.sharpe.size
    return WalkForward(
        outcomes=tuple(outcomes),
        clock=clock,
        periods=periods,
        ts_us=clock[first:last].copy(),
        account=account,
        returns=return_moments(series),
        metrics=figures,
        efficiency=float(np.nanmean(series)) * periods / trained if trained > 0.0 else math.nan,
        sharpe_efficiency=figures["sharpe"] / trained_sharpe if trained_sharpe > 0.0 else math.nan,
        kept=float(np.mean(same)) if same else math.nan,
        combinations=trials,
        searched=SharpeMoments.of(found.sharpe.tolist()),
        overfitting=overfitting(found.blocks) if trials > 1 else None,
    )
