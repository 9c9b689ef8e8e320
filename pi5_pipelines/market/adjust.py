"""Prices with splits and dividends taken out: done when bars are read, so a new action never rewrites history."""

from __future__ import annotations

import polars as pl

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.market.actions import AMOUNT_SCALE

MODES = ("none", "splits", "total-return")
PRICES = ("open", "high", "low", "close")


def adjusted(bars: pl.DataFrame, actions: pl.DataFrame, mode: str) -> pl.DataFrame:
    """One symbol's real bars as if no action had happened since; columns and order stay.

    A bar's prices are multiplied by the factors of all actions whose ex-date lies after it: for a split
    denominator/numerator (its volume is divided), for a dividend 1 - amount / previous close, as vendors' adjusted
    closes do (Center for Research in Security Prices, price adjustment factors). "splits" leaves dividends in.
    """
    if mode not in MODES:
        raise UnknownNameError(f"no such adjustment: {mode!r}", hint=f"there are: {', '.join(MODES)}")
    if mode == "none" or actions.is_empty() or bars.is_empty():
        return bars
    steps = factors(bars, actions, mode)
    joined = bars.sort("ts").with_columns(_later_product(bars.sort("ts")["ts"], steps))
    return joined.with_columns(
        *(pl.col(name) * pl.col("price_factor") for name in PRICES),
        volume=pl.col("volume") / pl.col("split_factor"),
    ).select(bars.columns)


def factors(bars: pl.DataFrame, actions: pl.DataFrame, mode: str) -> pl.DataFrame:
    """One row an action in order of time: ts, price_factor, split_factor; a dividend before the first bar has none."""
    closes = bars.sort("ts").select("ts", before="close")
    chosen = actions if mode == "total-return" else actions.filter(pl.col("kind") == "split")
    dividend = 1.0 - pl.col("amount") / AMOUNT_SCALE / pl.col("before")
    split = pl.col("denominator") / pl.col("numerator")
    is_split = pl.col("kind") == "split"
    return (
        chosen.sort("ts")
        .join_asof(closes, on="ts", strategy="backward", allow_exact_matches=False)
        .select(
            "ts",
            price_factor=pl.when(is_split).then(split).otherwise(dividend.fill_null(1.0)),
            split_factor=pl.when(is_split).then(split).otherwise(1.0),
        )
    )


def _later_product(times: pl.Series, steps: pl.DataFrame) -> list[pl.Series]:
    """For every time the product of the factors after it, for prices and for volume."""
    products = steps.select(
        "ts",
        price_factor=pl.col("price_factor").reverse().cum_prod().reverse(),
        split_factor=pl.col("split_factor").reverse().cum_prod().reverse(),
    )
    next_step = steps["ts"].search_sorted(times, side="right")
    tail = pl.concat(
        [products.select("price_factor", "split_factor"), pl.DataFrame({"price_factor": [1.0], "split_factor": [1.0]})]
    )
    return tail[next_step].get_columns()
