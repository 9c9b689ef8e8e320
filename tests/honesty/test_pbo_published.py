"""Cross-validation against published figures: the examples of the R package `pbo`, drawn again number by number.

M. Barry, R package `pbo` 1.3 (CRAN), vignette and tests. The package's `slope` is `coefficients[1]` of a fit with the
in-sample figures on the left-hand side: it is the intercept of the winners' in-sample on their out-of-sample Sharpe
ratios. Its relative rank is rank / N, ours is the paper's rank / (N + 1): for an even number of combinations without
ties both call the same splits overfit.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.honesty.pbo import Overfitting, overfitting_of_returns

if TYPE_CHECKING:
    from numpy.typing import NDArray

RISK_FREE = 0.03 / 252.0  # a period
WORDS = 624  # of the Mersenne Twister's state


def r_normals(seed: int, count: int) -> NDArray[np.float64]:
    """What R draws as `set.seed(seed); rnorm(count)`: Mersenne Twister, inversion of 27 + 32 bits (R's `?RNG`)."""
    word = seed
    state = []
    for step in range(50 + 1 + WORDS):  # R scrambles a seed fifty times; the first word after is the place
        word = (69069 * word + 1) % 2**32
        if step > 50:
            state.append(word)
    twister = np.random.MT19937()
    twister.state = {
        "bit_generator": "MT19937",
        "state": {"key": np.array(state, dtype=np.uint32), "pos": WORDS},
    }
    uniform = twister.random_raw(2 * count) * 2.0**-32
    share = (np.floor(2.0**27 * uniform[::2]) + uniform[1::2]) / 2.0**27
    return np.array([NormalDist().inv_cdf(one) for one in share.tolist()])


def inverse_intercept(found: Overfitting) -> float:
    """The constant of the in-sample figures explained by the out-of-sample ones."""
    inside, outside = found.in_sample, found.out_of_sample
    spread = outside - outside.mean()
    return float(inside.mean() - (spread @ inside) / (spread @ spread) * outside.mean())


def adjusted(found: Overfitting) -> float:
    """The share of the variance explained, less what one regressor explains by chance."""
    splits = found.logits.size
    return 1.0 - (1.0 - found.r_squared) * (splits - 1) / (splits - 2)


def significant(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


@pytest.mark.parametrize(
    ("seed", "drawn"),
    [
        (42, [1.37095845, -0.56469817, 0.36312841]),
        (1, [-0.6264538, 0.1836433, -0.8356286]),
        (123, [-0.56047565, -0.23017749, 1.55870831]),
    ],
)
def test_normal_numbers_are_those_of_r(seed: int, drawn: list[float]) -> None:
    assert r_normals(seed, 3) == pytest.approx(drawn, abs=5e-8)


def test_the_vignette_of_the_r_package() -> None:
    """A hundred trials, all of the same Sharpe ratio: p_bo 1, slope -0.0030456, ar^2 0.97, p_loss 1."""
    trials, bars, blocks = 100, 2400, 8
    returns = r_normals(765, trials * bars).reshape(trials, bars).T
    returns = returns / math.sqrt(252.0) / returns.std(axis=0, ddof=1)
    found = overfitting_of_returns(returns - returns.mean(axis=0) - RISK_FREE, blocks)
    assert found.logits.size == 70
    assert found.pbo == 1.0
    assert found.probability_of_loss == 1.0
    assert significant(inverse_intercept(found), 5) == -0.0030456
    assert significant(adjusted(found), 2) == 0.97


def test_the_test_case_of_the_r_package() -> None:
    """Forty trials of 200 returns in four blocks; the package's own test gives each figure to two digits."""
    returns = r_normals(852, 40 * 200).reshape(200, 40)
    found = overfitting_of_returns(returns - RISK_FREE, 4)
    assert found.logits.size == 6
    assert found.pbo == 0.5
    assert found.probability_of_loss == 0.5
    assert 0.19 < inverse_intercept(found) < 0.20
    assert -0.24 < adjusted(found) < -0.22
