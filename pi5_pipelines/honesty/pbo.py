"""Probability of backtest overfitting: how often the best of many combinations is below the median elsewhere.

D. H. Bailey, J. M. Borwein, M. Lopez de Prado, Q. J. Zhu, "The Probability of Backtest Overfitting", Journal of
Computational Finance 20 (2017): combinatorially symmetric cross-validation (CSCV). Time is cut into S blocks; each
way to take half of them as in-sample picks the combination with the best Sharpe ratio there, whose rank among all
combinations is then looked up in the other half.

The Sharpe ratio of any union of blocks follows from the blocks' counts, sums and sums of squares, so a sweep keeps
2 S numbers a combination instead of one a bar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty.moments import BLOCKS, BlockMoments, block_bounds, block_moments, sharpes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["BLOCKS", "BlockMoments", "Overfitting", "block_bounds", "overfitting", "overfitting_of_returns"]

CHUNK_VALUES = 1 << 17  # Sharpe ratios held at once: 1 MB an array
ROUNDING = 1e-9
DOMINANCE_VALUES = 1 << 21  # of the unselected, at most, to compare distributions with


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What CSCV finds; Sharpe ratios are per period, arrays have one value a split.

    `pbo` is the share of splits whose winner lies at or below the median out of sample (logit <= 0). `slope`,
    `intercept` and `r_squared` are the line of the winners' out-of-sample on their in-sample Sharpe ratios;
    `probability_of_loss` the share of winners that lose out of sample. `first_order` and `second_order` say whether
    picking the winner dominates picking any combination at random, stochastically, out of sample.
    """

    pbo: float
    logits: NDArray[np.float64]
    in_sample: NDArray[np.float64]
    out_of_sample: NDArray[np.float64]
    slope: float
    intercept: float
    r_squared: float
    probability_of_loss: float
    first_order: bool
    second_order: bool


def overfitting_of_returns(returns: NDArray[np.float64], blocks: int = BLOCKS) -> Overfitting:
    """CSCV on returns, shape (T, N): T bars, N combinations; raises BacktestError."""
    return overfitting(block_moments(returns, block_bounds(returns.shape[0], blocks)))


def overfitting(moments: BlockMoments) -> Overfitting:
    """CSCV on blocks' moments; raises BacktestError for fewer than two combinations or numbers that are not finite.

    All comb(S, S / 2) splits are taken, in chunks, so memory does not grow with them.
    """
    import numpy as np

    blocks, trials = moments.total.shape
    if trials < 2:  # noqa: PLR2004 - a rank among one says nothing
        raise BacktestError(f"{trials} combinations", where="cross-validation", hint="try at least two")
    if not (np.isfinite(moments.total).all() and np.isfinite(moments.squares).all()):
        raise BacktestError("a return is not a finite number", where="cross-validation", hint="leave its run out")
    chosen, elsewhere, ranks, sampled = [], [], [], []
    splits = math.comb(blocks, blocks // 2)
    every = max(1, math.ceil(splits * trials / DOMINANCE_VALUES))
    done = 0
    for taken in _splits(blocks, max(1, CHUNK_VALUES // trials)):
        left, right = sharpes(moments, taken), sharpes(moments, 1.0 - taken)
        for inside, outside in ((left, right), (right, left)):
            best = inside.argmax(axis=1)
            rows = np.arange(best.size)
            won = outside[rows, best]
            chosen.append(inside[rows, best])
            elsewhere.append(won)
            below = (outside < won[:, None]).sum(axis=1)
            equal = (outside == won[:, None]).sum(axis=1)
            ranks.append(below + (equal + 1) / 2.0)
        sampled.append(left[(-done) % every :: every].flatten())  # a copy: a view would keep the chunk
        done += left.shape[0]
    in_sample, out_of_sample = np.concatenate(chosen), np.concatenate(elsewhere)
    share = np.concatenate(ranks) / (trials + 1)
    logits = np.log(share / (1.0 - share))
    slope, intercept, r_squared = _line(in_sample, out_of_sample)
    first, second = _dominance(out_of_sample, np.concatenate(sampled))
    return Overfitting(
        pbo=float((logits <= 0.0).mean()),
        logits=logits,
        in_sample=in_sample,
        out_of_sample=out_of_sample,
        slope=slope,
        intercept=intercept,
        r_squared=r_squared,
        probability_of_loss=float((out_of_sample < 0.0).mean()),
        first_order=first,
        second_order=second,
    )


def _splits(blocks: int, rows: int) -> Iterator[NDArray[np.float64]]:
    """Half of all ways to take half the blocks, as 0/1 rows (at most `rows` at once); the complements are the rest."""
    import numpy as np

    chunk: list[tuple[int, ...]] = []

    def matrix() -> NDArray[np.float64]:
        taken = np.zeros((len(chunk), blocks))
        taken[np.arange(len(chunk))[:, None], np.array(chunk)] = 1.0
        return taken

    # Those that hold block 0: each of the others is the complement of one of these.
    for rest in combinations(range(1, blocks), blocks // 2 - 1):
        chunk.append((0, *rest))
        if len(chunk) == rows:
            yield matrix()
            chunk.clear()
    if chunk:
        yield matrix()


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float, float]:
    """Least squares: slope, intercept and the share of the variance explained; NaN where x does not vary."""
    spread, across = x - x.mean(), y - y.mean()
    power = float(spread @ spread)
    if power <= 0.0:
        return math.nan, math.nan, math.nan
    slope = float(spread @ across) / power
    total = float(across @ across)
    explained = slope * slope * power / total if total > 0.0 else math.nan
    return slope, float(y.mean()) - slope * float(x.mean()), explained


def _dominance(chosen: NDArray[np.float64], anyone: NDArray[np.float64]) -> tuple[bool, bool]:
    """Whether `chosen` dominates `anyone` in the first order (lower distribution function), and in the second."""
    import numpy as np

    grid = np.linspace(min(chosen.min(), anyone.min()), max(chosen.max(), anyone.max()), 513)
    mine, others = (np.searchsorted(np.sort(one), grid, side="right") / one.size for one in (chosen, anyone))
    gap = others - mine
    return bool((gap >= 0.0).all()), bool((np.cumsum(gap) >= -ROUNDING).all())
