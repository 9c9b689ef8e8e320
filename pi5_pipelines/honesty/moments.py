"""Returns of many combinations kept as sums over blocks of time, from which any union's Sharpe ratio follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCKS = 16
MAX_BLOCKS = 20  # 184,756 splits
FLAT = 1e-12  # a variance below this part of the mean square is rounding: the combination never moved


@dataclass(frozen=True, slots=True)
class BlockMoments:
    """Returns of N combinations in S blocks of time: `count` a block (S,), `total` and `squares` (S, N)."""

    count: NDArray[np.float64]
    total: NDArray[np.float64]
    squares: NDArray[np.float64]


def block_bounds(returns: int, blocks: int = BLOCKS) -> NDArray[np.int64]:
    """Where each of equal blocks starts, and the end of the last, shape (S + 1,); they differ by one return at most.

    Raises BacktestError for an odd or too large number of blocks, and for too few returns.
    """
    import numpy as np

    if blocks < 2 or blocks % 2 or blocks > MAX_BLOCKS:  # noqa: PLR2004 - two halves
        raise BacktestError(
            f"{blocks} blocks of time", where="cross-validation", hint=f"use an even number from 2 to {MAX_BLOCKS}"
        )
    if returns < 2 * blocks:
        raise BacktestError(
            f"{returns} returns are too few for {blocks} blocks of time",
            where="cross-validation",
            hint="use more bars or fewer blocks",
        )
    return np.arange(blocks + 1, dtype=np.int64) * returns // blocks


def block_moments(returns: NDArray[np.float64], bounds: NDArray[np.int64]) -> BlockMoments:
    """Moments of returns, shape (T, N), between bounds, shape (S + 1,), that rise and end at or before T."""
    import numpy as np

    used, starts = returns[: bounds[-1]], bounds[:-1]
    return BlockMoments(
        count=np.diff(bounds).astype(np.float64),
        total=np.add.reduceat(used, starts, axis=0),
        squares=np.add.reduceat(used * used, starts, axis=0),
    )


def sharpes(moments: BlockMoments, taken: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sharpe ratios per period over unions of blocks, shape (U, N); 0 for what never moved.

    `taken`, shape (U, S), has a 1 where a union holds a block, else a 0.
    """
    import numpy as np

    count = (taken @ moments.count)[:, None]
    mean = taken @ moments.total / count
    square = taken @ moments.squares / count
    variance = (square - mean * mean) * count / (count - 1.0)
    moved = variance > FLAT * square
    return np.divide(mean, np.sqrt(np.where(moved, variance, 1.0)), out=np.zeros_like(mean), where=moved)
