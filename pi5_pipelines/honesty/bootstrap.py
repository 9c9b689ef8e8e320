"""How else the same returns might have come: confidence bands of equity, and a confidence interval of Sharpe.

D. N. Politis, J. P. Romano, "The Stationary Bootstrap", Journal of the American Statistical Association 89 (1994):
a series is put together from runs of the observed one, of geometric length, so that the dependence of neighbouring
returns is kept. The mean length is chosen by D. N. Politis, H. White, "Automatic Block-Length Selection for the
Dependent Bootstrap", Econometric Reviews 23 (2004), with the correction by A. Patton, D. N. Politis, H. White,
Econometric Reviews 28 (2009).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pi5_pipelines.errors import BacktestError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

PATHS = 2_000
POINTS = 200  # of the bands, at most
CHUNK_VALUES = 1 << 20  # drawn returns held at once: 8 MB an array
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
FEWEST = 20
# Politis, White (2004), section 3.2: how many autocorrelations in a row must be small, and what small means.
FEWEST_SMALL = 5
SMALL = 2.0


@dataclass(frozen=True, slots=True)
class Bands:
    """`equity`, shape (levels, points), is growth of one unit of money at the places `at` (bars from the start).

    `sharpe_low` and `sharpe_high` bound the annualised Sharpe ratio with the confidence asked for; `loss` is the share
    of paths that end below where they began, `drawdown` the largest fall of equity that `levels` of paths stay above.
    """

    levels: tuple[float, ...]
    at: NDArray[np.int64]
    equity: NDArray[np.float64]
    sharpe_low: float
    sharpe_high: float
    loss: float
    drawdown: NDArray[np.float64]
    block_length: float


def block_length(series: NDArray[np.float64]) -> float:
    """The mean length of runs that suits a series, shape (T,), for the stationary bootstrap; 1 at least.

    Patton, Politis, White (2009): (2 G^2 / D)^(1/3) T^(1/3) with D = 2 g(0)^2, from autocovariances under the flat-top
    window, over twice the first lag of a row of small autocorrelations (as in the packages np of R and arch).
    """
    import numpy as np

    count = series.size
    centred = series - series.mean()
    variance = float(centred @ centred) / count
    if variance <= 0.0:
        return 1.0
    in_a_row = max(FEWEST_SMALL, int(math.log10(count)))
    most = min(math.ceil(math.sqrt(count)) + in_a_row, count - 1)
    covariance = np.array([float(centred[: count - lag] @ centred[lag:]) / count for lag in range(most + 1)])
    large = np.abs(covariance[1:] / variance) >= SMALL * math.sqrt(math.log10(count) / count)
    first_small = next((lag for lag in range(1, most - in_a_row + 1) if not large[lag - 1 :][:in_a_row].any()), most)
    bandwidth = min(2 * first_small, most)
    lags = np.arange(1, bandwidth + 1)
    window = np.clip(2.0 * (1.0 - lags / bandwidth), 0.0, 1.0)
    spectrum = covariance[0] + 2.0 * float(window @ covariance[1 : bandwidth + 1])
    slope = 2.0 * float((window * lags) @ covariance[1 : bandwidth + 1])
    if spectrum == 0.0:
        return 1.0
    length = (slope**2 / spectrum**2) ** (1.0 / 3.0) * count ** (1.0 / 3.0)
    return float(min(max(length, 1.0), math.ceil(min(3.0 * math.sqrt(count), count / 3.0))))


def resampled(count: int, length: float, paths: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Places in a series of `count`, chunks of shape (some paths, count), `paths` in all, runs of mean `length`."""
    import numpy as np

    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, CHUNK_VALUES // count)
    place = np.arange(count)
    for first in range(0, paths, rows):
        shape = (min(rows, paths - first), count)
        begins = generator.random(shape) < 1.0 / length
        begins[:, 0] = True
        start = generator.integers(0, count, shape)
        last = np.maximum.accumulate(np.where(begins, place, 0), axis=1)
        yield (np.take_along_axis(start, last, axis=1) + place - last) % count


def bands(
    series: NDArray[np.float64], periods: float, *, paths: int = PATHS, confidence: float = 0.9, seed: int = 0
) -> Bands:
    """Bootstrap returns, shape (T,), all finite, of `periods` bars a year; raises BacktestError for too few."""
    import numpy as np

    if series.size < FEWEST or not np.isfinite(series).all():
        raise BacktestError(f"{series.size} returns are too few, or not all are numbers", where="bootstrap")
    length = block_length(series)
    at = np.unique(np.linspace(0, series.size - 1, min(POINTS, series.size)).astype(np.int64))
    kept, sharpe, deepest = np.empty((paths, at.size)), np.empty(paths), np.empty(paths)
    done = 0
    for places in resampled(series.size, length, paths, seed):
        drawn = series[places]
        here = slice(done, done + drawn.shape[0])
        deviation = drawn.std(axis=1, ddof=1)
        sharpe[here] = np.divide(drawn.mean(axis=1), deviation, out=np.zeros_like(deviation), where=deviation > 0.0)
        growth = np.cumprod(1.0 + drawn, axis=1)
        kept[here] = growth[:, at]
        peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)
        deepest[here] = (growth / peak - 1.0).min(axis=1)
        done += drawn.shape[0]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(sharpe * math.sqrt(periods), [tail, 1.0 - tail])
    return Bands(
        levels=LEVELS,
        at=at + 1,
        equity=np.quantile(kept, LEVELS, axis=0),
        sharpe_low=float(low),
        sharpe_high=float(high),
        loss=float((kept[:, -1] < 1.0).mean()),
        drawdown=np.quantile(deepest, LEVELS),
        block_length=length,
    )
