"""Moments of returns by block of time, of some combinations spread evenly over a sweep, for cross-validation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.sweep.tally import MOMENTS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE = 128
SCATTER = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: neighbours land far apart (Knuth, TAOCP 3, 6.4)


class Sample:
    """Keeps about SAMPLE combinations out of `count`; which ones follows from their numbers alone."""

    def __init__(self, count: int) -> None:
        self._below = 2**64 - 1 if count <= SAMPLE else 2**64 * SAMPLE // count
        self.moments: dict[int, NDArray[np.float64]] = {}

    def holds(self, numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of the combinations belong to the sample."""
        import numpy as np

        kept: NDArray[np.bool_] = numbers.astype(np.uint64) * np.uint64(SCATTER) <= np.uint64(self._below)
        return kept

    def take(self, numbers: NDArray[np.int64], moments: NDArray[np.float64]) -> None:
        """Keep those of the combinations that belong to the sample."""
        import numpy as np

        for row in np.flatnonzero(self.holds(numbers)).tolist():
            self.moments[int(numbers[row])] = moments[row].copy()

    def matrix(self, numbers: list[int]) -> NDArray[np.float64]:
        """The moments of these combinations, shape (N, MOMENTS)."""
        import numpy as np

        return np.array([self.moments[one] for one in numbers]).reshape(len(numbers), MOMENTS)
