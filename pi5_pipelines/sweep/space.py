"""All combinations of a sweep by number: none is kept, each is worked out from its number when its turn comes."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from pi5_pipelines.errors import SweepError
from pi5_pipelines.sweep.axes import axes_of
from pi5_pipelines.sweep.where import holds, parse_where

if TYPE_CHECKING:
    import ast
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.sweep.axes import Axis
    from trading.strategy import Strategy

SCAN = 1 << 16  # combinations looked at together when some are to be counted or drawn
DRAWS_WITHOUT_FINDING = 64
MAX_TRIALS = 10_000_000


@dataclass(frozen=True, slots=True)
class Space:
    """`axes` in the order that makes the numbers (the last one changes fastest); `where` is a checked condition.

    Combinations that break the strategy's own orderings (fast below slow) are left out as well.
    """

    strategy: Strategy
    axes: tuple[Axis, ...]
    where: ast.expr | None = None

    @property
    def size(self) -> int:
        """How many numbers there are, before any is left out."""
        return prod(len(axis.values) for axis in self.axes)

    def params(self, numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """The parameters of these combinations in the strategy's order, shape (N, parameters)."""
        import numpy as np

        columns = {}
        rest = numbers
        for axis in reversed(self.axes):
            rest, place = np.divmod(rest, len(axis.values))
            columns[axis.name] = np.frombuffer(axis.values)[place]
        if not columns:
            return np.zeros((numbers.size, 0))
        return np.column_stack([columns[parameter.name] for parameter in self.strategy.parameters])

    def wanted(self, params: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which rows of parameters the orderings and the condition let through, shape (N,)."""
        import numpy as np

        names = [parameter.name for parameter in self.strategy.parameters]
        columns = {name: params[:, place] for place, name in enumerate(names)}
        keep = np.ones(len(params), dtype=bool)
        for smaller, larger in self.strategy.orderings:
            keep &= columns[smaller] < columns[larger]
        if self.where is not None:
            keep &= holds(self.where, columns)
        return keep

    def rows(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Those of the numbers that are wanted, with their parameters."""
        params = self.params(numbers)
        keep = self.wanted(params)
        return numbers[keep], params[keep]

    def any_wanted(self) -> bool:
        """Whether a single combination is left; looks no further than the first."""
        return any(numbers.size for numbers in self._scan())

    def _scan(self) -> Iterator[NDArray[np.int64]]:
        import numpy as np

        for first in range(0, self.size, SCAN):
            yield self.rows(np.arange(first, min(first + SCAN, self.size), dtype=np.int64))[0]

    def draw(self, trials: int, seed: int) -> NDArray[np.int64]:
        """So many different combinations at random, in rising order; all of them when there are no more."""
        import numpy as np

        generator = np.random.Generator(np.random.PCG64(seed))
        if self.size <= max(SCAN, 4 * trials):
            every = np.concatenate(list(self._scan()))
            return np.sort(generator.permutation(every)[:trials])
        found = np.zeros(0, dtype=np.int64)
        vain = 0
        while found.size < trials and vain < DRAWS_WITHOUT_FINDING:
            drawn, _ = self.rows(generator.integers(0, self.size, SCAN, dtype=np.int64))
            fresh = np.unique(drawn)
            fresh = generator.permutation(fresh[~np.isin(fresh, found)])[: trials - found.size]
            vain = 0 if fresh.size else vain + 1
            found = np.sort(np.concatenate([found, fresh]))
        return found


def make_space(strategy: Strategy, params: Sequence[str], where: str | None) -> Space:
    """The space that `--param` and `--where` describe; raises SweepError."""
    names = [parameter.name for parameter in strategy.parameters]
    axes = axes_of(strategy, params)
    return Space(strategy, axes, parse_where(where, names) if where is not None else None)


def nothing_left(where: str | None) -> SweepError:
    """The error of a space without a single combination."""
    return SweepError(
        "no combination is left",
        where=f"--where {where!r}" if where is not None else "--param",
        hint="widen the ranges or the condition; a strategy's own order, such as fast below slow, counts too",
    )
