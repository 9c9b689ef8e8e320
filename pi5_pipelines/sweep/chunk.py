"""A chunk of combinations: spread over the lanes, then written as one table."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pi5_pipelines.sweep.block import MARK_AT
from pi5_pipelines.sweep.lane import Figures, Lane
from pi5_pipelines.sweep.parquet import Column, table_bytes
from pi5_pipelines.sweep.tally import FIGURES, MOMENTS, WHOLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from pi5_pipelines.sweep.space import Space

STRETCH_STEPS = 1 << 18  # bars times combinations that a lane takes at once: some milliseconds
STRETCH_ROWS = 4_096
PIECES = 8  # for each lane at least, so that none waits long for the last one


@dataclass(slots=True)
class Crew:
    """Lanes that work side by side; `numbers` says what each has before it, `before` is called ahead of a stretch.

    `careful` goes one combination at a time and tells each one beforehand to `announce`, for finding the one that
    kills the process.
    """

    lanes: list[Lane]
    before: Callable[[], None]
    announce: Callable[[int], None] | None = None
    numbers: list[NDArray[np.int64] | None] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.numbers = [None] * len(self.lanes)
        self._pool = ThreadPoolExecutor(len(self.lanes), thread_name_prefix="lane")

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown()

    def current(self) -> list[tuple[int, int] | None]:
        """For each lane the combination that it runs now, with the mark it stands at; None for an idle one."""
        found: list[tuple[int, int] | None] = []
        for lane, numbers in zip(self.lanes, self.numbers, strict=True):
            at = int(lane.mark[MARK_AT])
            found.append(None if numbers is None or at >= numbers.size else (int(numbers[at]), at))
        return found

    def run(
        self,
        numbers: NDArray[np.int64],
        params: NDArray[np.float64],
        bars: int,
        given_up: Mapping[int, str],
        sampled: Callable[[int, NDArray[np.float64]], None],
    ) -> Figures:
        """Figures of all these combinations; `sampled` is handed every combination's number and moments."""
        import numpy as np

        into = Figures.empty(numbers.size)
        step = max(1, min(STRETCH_ROWS, STRETCH_STEPS // bars, -(-numbers.size // (PIECES * len(self.lanes)))))
        if self.announce:
            step = 1
        stretches = iter(range(0, numbers.size, step))
        lock = threading.Lock()

        def work(place: int) -> None:
            lane = self.lanes[place]
            moments = np.zeros((step, MOMENTS))
            for first in _shared(stretches, lock, self.before):
                part = numbers[first : first + step]
                if self.announce:
                    self.announce(int(part[0]))
                lane.mark[MARK_AT] = 0
                self.numbers[place] = part
                errors = (
                    {row: given_up[one] for row, one in enumerate(part.tolist()) if one in given_up} if given_up else {}
                )
                lane.run(params[first : first + step], into, errors, first, moments[: part.size])
                self.numbers[place] = None
                sampled(first, moments[: part.size])

        for done in [self._pool.submit(work, place) for place in range(len(self.lanes))]:
            done.result()
        return into


def _shared(stretches: Iterator[int], lock: threading.Lock, before: Callable[[], None]) -> Iterator[int]:
    while True:
        with lock:
            before()
            first = next(stretches, None)
        if first is None:
            return
        yield first


TAKEN = frozenset({"symbol", "combination", "ruined", "error", *FIGURES})


def column_name(parameter: str) -> str:
    """What a parameter's column is called: its own name, unless a figure has it."""
    return f"param_{parameter}" if parameter in TAKEN else parameter


def chunk_table(
    space: Space, symbol: str, numbers: NDArray[np.int64], params: NDArray[np.float64], figures: Figures
) -> bytes:
    """A chunk as Parquet: symbol, number, parameters, figures, error."""
    rows = numbers.size
    columns = [Column("symbol", [symbol] * rows), Column("combination", numbers)]
    for place, parameter in enumerate(space.strategy.parameters):
        columns.append(Column(column_name(parameter.name), params[:, place], whole=parameter.whole))
    for place, name in enumerate(FIGURES):
        columns.append(Column(name, figures.values[:, place], whole=name in WHOLE))
    errors = [figures.errors.get(row) for row in range(rows)] if figures.errors else [None] * rows
    return table_bytes([*columns, Column("ruined", figures.ruined), Column("error", errors)])
