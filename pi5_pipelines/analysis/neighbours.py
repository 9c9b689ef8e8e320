"""How a point of a parameter grid compares with the points next to it: a peak alone is luck, a plateau is not."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import polars as pl


@dataclass(frozen=True, slots=True)
class Step:
    """A point next to the chosen one: the parameter that differs, its value there, and the figure (None: undefined)."""

    param: str
    value: float
    figure: float | None


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The chosen point's figure, its rank among all points (1 is the highest), and the points around it."""

    figure: float | None
    rank: int | None
    points: int
    steps: tuple[Step, ...]

    @property
    def known(self) -> list[float]:
        """The figures of the neighbours that have one."""
        return [step.figure for step in self.steps if step.figure is not None]

    @property
    def mean(self) -> float | None:
        """The neighbours' mean figure; None without any."""
        return math.fsum(self.known) / len(self.known) if self.known else None

    @property
    def median(self) -> float | None:
        """The neighbours' median figure; None without any."""
        return statistics.median(self.known) if self.known else None

    @property
    def lowest(self) -> float | None:
        """The lowest figure among the neighbours; None without any."""
        return min(self.known, default=None)


def neighbourhood(
    frame: pl.DataFrame, params: Sequence[str], chosen: Mapping[str, float], figure: str
) -> Neighbourhood:
    """Look around `chosen`, a row of `frame`: one step down and one up along each parameter, all others equal.

    A step goes to the nearest value that occurs with the others equal, so a grid may have holes; points drawn at
    random have no neighbours.
    """
    import polars as pl

    here = _value(frame.filter(*(pl.col(name) == chosen[name] for name in params))[figure])
    steps: list[Step] = []
    for param in params:
        line = frame.filter(*(pl.col(name) == chosen[name] for name in params if name != param)).sort(param)
        below = line.filter(pl.col(param) < chosen[param]).tail(1)
        above = line.filter(pl.col(param) > chosen[param]).head(1)
        steps += [Step(param, float(one[param][0]), _value(one[figure])) for one in (below, above) if one.height]
    known = frame[figure].cast(pl.Float64).fill_nan(None).drop_nulls()
    rank = None if here is None else int((known > here).sum()) + 1
    return Neighbourhood(here, rank, frame.height, tuple(steps))


def _value(column: pl.Series) -> float | None:
    value = column[0] if len(column) else None
    return None if value is None or math.isnan(value) else float(value)
