"""Which combinations a sweep tries, chunk by chunk: all of them, a random draw, or what a sampler asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.sweep.job import Plan
    from pi5_pipelines.sweep.space import Space
    from pi5_pipelines.sweep.work import WorkFolder

from pi5_pipelines.sweep.space import nothing_left


class Numbers(Protocol):
    """Chunks of combination numbers; `sequential` ones depend on the results of the chunks before."""

    sequential: bool

    @property
    def count(self) -> int:
        """All numbers together."""
        ...

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        ...

    def size_of(self, chunk: int) -> int:
        """How many numbers are in a chunk, those included that the space leaves out."""
        ...

    def of(self, chunk: int) -> NDArray[np.int64]:
        """The numbers of a chunk."""
        ...


class Grid:
    """Every combination, in order."""

    sequential = False

    def __init__(self, count: int, chunk: int) -> None:
        self.count = count
        self._chunk = chunk

    @property
    def chunks(self) -> int:
        """As Numbers."""
        return -(-self.count // self._chunk)

    def size_of(self, chunk: int) -> int:
        """As Numbers."""
        return min(self._chunk, self.count - chunk * self._chunk)

    def of(self, chunk: int) -> NDArray[np.int64]:
        """As Numbers."""
        import numpy as np

        first = chunk * self._chunk
        return np.arange(first, first + self.size_of(chunk), dtype=np.int64)


class Drawn(Grid):
    """Some combinations, drawn beforehand."""

    def __init__(self, numbers: NDArray[np.int64], chunk: int) -> None:
        super().__init__(int(numbers.size), chunk)
        self._numbers = numbers

    def of(self, chunk: int) -> NDArray[np.int64]:
        """As Numbers."""
        return self._numbers[chunk * self._chunk :][: self.size_of(chunk)]


def make_numbers(plan: Plan, space: Space, work: WorkFolder, leg: int) -> Numbers:
    """The numbers that a plan tries; raises SweepError when none is left."""
    if plan.method == "guided":
        from pi5_pipelines.sweep.guided import Guided

        return Guided(plan, space, work, leg)
    if plan.method == "random":
        drawn = space.draw(plan.trials, plan.seed)
        if not drawn.size:
            raise nothing_left(plan.where)
        return Drawn(drawn, plan.chunk)
    if not space.any_wanted():
        raise nothing_left(plan.where)
    return Grid(space.size, plan.chunk)
