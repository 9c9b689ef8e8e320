"""Many symbols on one clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.bars import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi5_pipelines.backtest.bars import Bars


def aligned(bars: Sequence[Bars]) -> driver.Columns:
    """All symbols' bars on one clock: the union of their times, and per column a (time, symbol) array, NaN for none."""
    import numpy as np

    ts_us = np.unique(np.concatenate([one.ts_us for one in bars]))
    columns = [np.full((ts_us.size, len(bars)), np.nan) for _ in COLUMNS]
    for s, one in enumerate(bars):
        rows = np.searchsorted(ts_us, one.ts_us)
        for column, name in zip(columns, COLUMNS, strict=True):
            column[rows, s] = getattr(one, name)
    return driver.Columns(ts_us, *columns)
