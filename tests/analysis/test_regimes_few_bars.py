"""Markets of few bars: nothing is known of them, and nothing fails."""

from __future__ import annotations

import numpy as np
import pytest

from pi5_pipelines.analysis import regimes


@pytest.mark.parametrize("count", [1, 2, 21, 22, 40, 62, 63, 64, 251, 252])
def test_fewer_bars_than_a_window_are_unknown(count: int) -> None:
    close = np.linspace(100.0, 120.0, count)
    at = np.arange(count)
    for values in (regimes.trend(close), regimes.volatility(close)):
        assert values.shape == (count,)
        assert (regimes.thirds(values, at) == regimes.UNKNOWN).all()
