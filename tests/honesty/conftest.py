"""Bars for the tests of honesty: quiet random walks, with or without a trend that persists."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars


@pytest.fixture(scope="session")
def walk(random_bars: Callable[..., Bars]) -> Callable[..., Bars]:
    """Make bars of a walk of 1 % a day from a seed."""
    return partial(random_bars, volatility=0.01)
