"""Drawdowns one by one: from a high, down to a trough, and back to the high or to the end."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Drawdowns:
    """All drawdowns of a curve, in order of time, shape (D,) each.

    `start` is the bar of the high, `trough` the lowest bar, `end` the bar that is back at the high, or the last bar
    where none is (`recovered` false); `depth` is a fraction below 0.
    """

    start: NDArray[np.int64]
    trough: NDArray[np.int64]
    end: NDArray[np.int64]
    depth: NDArray[np.float64]
    recovered: NDArray[np.bool_]

    def __len__(self) -> int:
        return int(self.start.size)


def find(fall: NDArray[np.float64]) -> Drawdowns:
    """The drawdowns of a curve, out of how far it lies below its high at every bar (metrics.drawdown), shape (T,)."""
    import numpy as np

    edges = np.diff((fall < 0.0).astype(np.int8), prepend=0, append=0)
    first, past = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    if first.size == 0:
        none = np.zeros(0, dtype=np.int64)
        return Drawdowns(none, none, none, np.zeros(0), np.zeros(0, dtype=np.bool_))
    depth = np.minimum.reduceat(fall, first)  # up to the next start there are only bars at the high, which are 0
    number = np.cumsum(edges[:-1] == 1) - 1
    lowest = np.flatnonzero((fall == depth[np.maximum(number, 0)]) & (number >= 0))
    _, earliest = np.unique(number[lowest], return_index=True)
    recovered = past < fall.size
    return Drawdowns(
        start=first - 1,
        trough=lowest[earliest],
        end=np.where(recovered, past, fall.size - 1),
        depth=depth,
        recovered=recovered,
    )


def drawdown_metrics(
    equity: NDArray[np.float64], fall: NDArray[np.float64], ts_us: NDArray[np.int64], cash: float
) -> dict[str, float]:
    """The figures of all drawdowns together; without any, the means are undefined and the longest is 0 days."""
    import numpy as np

    found = find(fall)
    days = (ts_us[found.end] - ts_us[found.start]) / DAY_US
    deepest = float((np.maximum.accumulate(equity) - equity).max())
    return {
        "drawdowns": len(found),
        "avg_drawdown_pct": float(found.depth.mean()) * 100.0 if len(found) else math.nan,
        "max_drawdown_days": float(days.max()) if len(found) else 0.0,
        "avg_drawdown_days": float(days.mean()) if len(found) else math.nan,
        "ulcer_index_pct": math.sqrt(float(np.mean(np.square(fall)))) * 100.0,
        "recovery_factor": (float(equity[-1]) - cash) / deepest if deepest > 0.0 else math.nan,
    }


@dataclass(frozen=True, slots=True)
class Drawdown:
    """A row of the table of worst drawdowns: moments in UTC microseconds, lengths in bars."""

    start_us: int
    trough_us: int
    end_us: int | None
    depth_pct: float
    bars: int
    bars_to_trough: int


def worst(fall: NDArray[np.float64], ts_us: NDArray[np.int64], count: int) -> list[Drawdown]:
    """The `count` deepest drawdowns, the deepest first; `end_us` is None where the high was not reached again."""
    import numpy as np

    found = find(fall)
    order = np.argsort(found.depth, kind="stable")[:count].tolist()
    return [
        Drawdown(
            start_us=int(ts_us[found.start[at]]),
            trough_us=int(ts_us[found.trough[at]]),
            end_us=int(ts_us[found.end[at]]) if found.recovered[at] else None,
            depth_pct=float(found.depth[at]) * 100.0,
            bars=int(found.end[at] - found.start[at]),
            bars_to_trough=int(found.trough[at] - found.start[at]),
        )
        for at in order
    ]
