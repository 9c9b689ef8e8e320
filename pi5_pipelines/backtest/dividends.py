"""Dividends a share by bar, in the units of prices that are adjusted for splits only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.market.actions import AMOUNT_SCALE
from pi5_pipelines.market.adjust import factors

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray


def dividends_by_bar(frame: pl.DataFrame, actions: pl.DataFrame) -> NDArray[np.float64]:
    """What one share pays at each bar of `frame` (ts, close), shape (T,): at its ex-date, else at the next bar.

    An amount is divided as the prices of its day are, by every split after it.
    """
    import numpy as np
    import polars as pl

    paid = np.zeros(frame.height)
    splits = factors(frame, actions, "splits")
    for row in actions.filter(pl.col("kind") == "dividend").iter_rows(named=True):
        at = frame["ts"].search_sorted(row["ts"])
        if at < frame.height and (at > 0 or frame["ts"][0] == row["ts"]):
            later = splits.filter(pl.col("ts") > row["ts"])["split_factor"].product()
            paid[at] += row["amount"] / AMOUNT_SCALE * float(later)
    return paid
