"""What honesty costs: cross-validation of a search, a walk-forward, a bootstrap, and the check of one backtest."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

import measure
import numpy as np

from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.honesty.bootstrap import bands
from pi5_pipelines.honesty.document import check_backtest
from pi5_pipelines.honesty.folds import folds_of
from pi5_pipelines.honesty.moments import BlockMoments
from pi5_pipelines.honesty.pbo import overfitting
from pi5_pipelines.honesty.trials import Ledger, SharpeMoments, Tally
from pi5_pipelines.honesty.walkforward import walk_forward

ROUNDS = 3


def main() -> None:
    """Take every figure and print a line each."""
    spec = find_spec("backtesting")
    if spec is None or spec.origin is None:
        raise SystemExit("the package backtesting brings the prices")
    bars = [bars_from_file(Path(spec.origin).parent / "test" / "GOOG.csv")]
    run = BacktestSpec(strategy="sma_cross", fee_bps=5.0)
    rng = np.random.default_rng(1)
    for combinations in (1_000, 10_000):
        kept = BlockMoments(
            count=np.full(16, 134.0),
            total=rng.normal(0.0, 0.1, (16, combinations)),
            squares=rng.uniform(0.01, 0.02, (16, combinations)),
        )
        best, median = measure.best_of(ROUNDS, lambda kept=kept: overfitting(kept))  # type: ignore[misc]  # bound now
        figures = {"combinations": combinations, "splits": 12_870, "best_s": best, "median_s": median}
        measure.emit("honesty_cross_validation", **figures, peak_rss_mb=measure.peak_rss_mb())
    grid = np.array([(f, s) for f in range(2, 42) for s in range(50, 250, 8)], dtype=np.float64)
    folds = folds_of(len(bars[0]), 504, 126)
    walk_forward(run, bars, grid[:2], folds)  # compiles
    best, median = measure.best_of(ROUNDS, lambda: walk_forward(run, bars, grid, folds))
    figures = {"combinations": len(grid), "bars": len(bars[0]), "folds": len(folds), "best_s": best, "median_s": median}
    measure.emit("honesty_walk_forward", **figures)
    result = run_backtest(run, bars)
    returns = np.diff(result.equity) / result.equity[:-1]
    best, median = measure.best_of(ROUNDS, lambda: bands(returns, 252.0))
    measure.emit("honesty_bootstrap", paths=2_000, bars=len(bars[0]), best_s=best, median_s=median)
    check_backtest(result, bars, Tally(1, SharpeMoments()))  # compiles
    best, median = measure.best_of(ROUNDS, lambda: check_backtest(result, bars, Tally(1, SharpeMoments())))
    measure.emit("honesty_check", bars=len(bars[0]), best_s=best, median_s=median)
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        ledger = Ledger(Path(folder) / "trials.sqlite")
        numbers = iter(range(10**6))

        def record() -> None:
            name = str(next(numbers))
            ledger.record_sweep(name, "sma_cross", bars, name, 1, SharpeMoments(1, 0.1, 0.01))

        record()
        best, median = measure.best_of(100, record)
        measure.emit("honesty_ledger_record", best_s=best, median_s=median)


if __name__ == "__main__":
    main()
