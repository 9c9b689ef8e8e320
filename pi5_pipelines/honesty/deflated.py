"""Sharpe ratios with their doubt: how sure one is after so many returns, and after so many tries.

Every Sharpe ratio here is per period (mean over standard deviation of one bar's returns), never annualised: the
formulas hold for the frequency at which the returns were counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EULER_GAMMA = 0.5772156649015329
NORMAL_KURTOSIS = 3.0
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class ReturnMoments:
    """A series of returns in four numbers: how many, Sharpe ratio per period, skewness, kurtosis (3 for a normal)."""

    count: int
    sharpe: float
    skewness: float
    kurtosis: float


def return_moments(series: NDArray[np.float64]) -> ReturnMoments:
    """The moments of returns, shape (T,), NaN left out; NaN where too few or too equal to be defined.

    Skewness and kurtosis are those of the sample itself, without a correction for its size, as in Bailey and Lopez
    de Prado (2012); the Sharpe ratio takes the standard deviation with ddof 1, as everywhere in this project.
    """
    import numpy as np

    known = series[~np.isnan(series)]
    if known.size < 2 or float(np.ptp(known)) == 0.0:  # noqa: PLR2004 - one return has no deviation
        return ReturnMoments(int(known.size), math.nan, math.nan, math.nan)
    centred = known - known.mean()
    variance = float(np.mean(centred**2))
    return ReturnMoments(
        count=int(known.size),
        sharpe=float(known.mean()) / float(np.std(known, ddof=1)),
        skewness=float(np.mean(centred**3)) / variance**1.5,
        kurtosis=float(np.mean(centred**4)) / variance**2,
    )


def probabilistic_sharpe(
    sharpe: float, benchmark: float, count: int, skewness: float = 0.0, kurtosis: float = NORMAL_KURTOSIS
) -> float:
    """Probability that the true Sharpe ratio lies above `benchmark`, given `count` returns; NaN if undefined.

    D. H. Bailey, M. Lopez de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15 (2012), eq. 11:
    Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurt - 1) / 4 SR^2)).
    """
    spread = _spread(sharpe, skewness, kurtosis)
    if count < 2 or not spread > 0.0 or math.isnan(benchmark):  # noqa: PLR2004 - as above
        return math.nan
    return _NORMAL.cdf((sharpe - benchmark) * math.sqrt(count - 1) / math.sqrt(spread))


def expected_max_sharpe(trials: int, variance: float) -> float:
    """The Sharpe ratio that the best of so many independent worthless trials shows by luck; 0 for a single one.

    `variance` is that of the trials' Sharpe ratios. D. H. Bailey, M. Lopez de Prado, "The Deflated Sharpe Ratio",
    Journal of Portfolio Management 40 (2014), eq. 1 with mean 0:
    sqrt(V) ((1 - gamma) Phi^-1(1 - 1/N) + gamma Phi^-1(1 - 1/(N e))).
    """
    if trials <= 1:
        return 0.0
    # Phi^-1(1 - p) = -Phi^-1(p), which keeps its digits for large N.
    best = -_NORMAL.inv_cdf(1.0 / trials)
    tail = -_NORMAL.inv_cdf(1.0 / (trials * math.e))
    return math.sqrt(variance) * ((1.0 - EULER_GAMMA) * best + EULER_GAMMA * tail)


def deflated_sharpe(moments: ReturnMoments, trials: int, variance: float) -> float:
    """Probability that the true Sharpe ratio of the best of `trials` lies above what luck alone would show.

    `variance` is that of the trials' Sharpe ratios, per period. Bailey, Lopez de Prado (2014), eq. 2: the
    probabilistic Sharpe ratio against `expected_max_sharpe`.
    """
    threshold = expected_max_sharpe(trials, variance)
    return probabilistic_sharpe(moments.sharpe, threshold, moments.count, moments.skewness, moments.kurtosis)


def min_track_record(
    sharpe: float,
    benchmark: float = 0.0,
    skewness: float = 0.0,
    kurtosis: float = NORMAL_KURTOSIS,
    confidence: float = 0.95,
) -> float:
    """How many returns it takes to be so sure that the true Sharpe ratio lies above `benchmark`; inf if it does not.

    Bailey, Lopez de Prado (2012), eq. 13: 1 + (1 - skew SR + (kurt - 1) / 4 SR^2) (z / (SR - SR*))^2.
    """
    spread = _spread(sharpe, skewness, kurtosis)
    if math.isnan(spread):
        return math.nan
    if sharpe <= benchmark:
        return math.inf
    return 1.0 + spread * (_NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def _spread(sharpe: float, skewness: float, kurtosis: float) -> float:
    """The variance of the estimated Sharpe ratio times T - 1 (E. Mertens, 2002)."""
    return 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe**2
