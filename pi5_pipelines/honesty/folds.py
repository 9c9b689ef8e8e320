"""How a walk-forward cuts time: each fold trains on bars that lie wholly before those it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

from pi5_pipelines.errors import BacktestError

SHORTEST = 20  # bars in a train or a test: below it a Sharpe ratio is a roll of dice


@dataclass(frozen=True, slots=True)
class Fold:
    """Bars by their place, from a start (inclusive) to a stop (exclusive), in order of time."""

    train_start: int
    train_stop: int
    test_start: int
    test_stop: int


def folds_of(bars: int, train: int, test: int, gap: int = 0, *, anchored: bool = False) -> tuple[Fold, ...]:
    """Tests of `test` bars side by side up to the last bar (the last one may be shorter), each with its train before.

    The first bar has no return, so the first train begins at bar 1. `gap` bars before each test are seen by no train
    of that test (the purge and the embargo of M. Lopez de Prado, Advances in Financial Machine Learning, 2018,
    chapter 7). A rolling train has `train` bars, an anchored one always begins at the first bar. Raises BacktestError.
    """
    for name, value in (("train", train), ("test", test)):
        if value < SHORTEST:
            raise BacktestError(f"{name} has {value} bars", where="walk-forward", hint=f"use at least {SHORTEST}")
    if gap < 0:
        raise BacktestError(f"purge and embargo come to {gap} bars", where="walk-forward", hint="use 0 or more")
    first = 1 + train + gap
    starts = [start for start in range(first, bars, test) if bars - start >= min(test, SHORTEST)]
    if not starts:
        raise BacktestError(
            f"{bars} bars are too few: the first test needs {first + min(test, SHORTEST)}",
            where="walk-forward",
            hint="use more bars, or a shorter train",
        )
    stops = [*starts[1:], min(bars, starts[-1] + test)]
    return tuple(
        Fold(1 if anchored else start - gap - train, start - gap, start, stop)
        for start, stop in zip(starts, stops, strict=True)
    )
