"""Splits and dividends, read off the adjusted closes that a source gives beside the real ones."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from datetime import datetime

AMOUNT_SCALE = 1_000_000  # a dividend's amount is kept in millionths
LARGEST_SPLIT_TERM = 50
SPLIT_TOLERANCE = 1e-6
SMALLEST_CHANGE = 1e-7  # below it, a change of the ratio is the vendor's rounding


def actions_of(symbol: str, bars: pl.DataFrame) -> pl.DataFrame:
    """Corporate actions of one symbol from its ts, close and adj_close, as table `corporate_actions` holds them.

    adj_close / close is constant but for a step at every action: by the factor 1/n at an n-for-1 split, and by
    1 - amount / previous close at a dividend.
    """
    columns = schema_of("corporate_actions").columns
    if "adj_close" not in bars.columns:
        return pl.DataFrame(schema=dict(columns))
    ratio = pl.col("adj_close") / pl.col("close")
    steps = (
        bars.filter(pl.col("close") > 0, pl.col("adj_close") > 0)  # no ratio elsewhere; the quality checks tell of it
        .sort("ts")
        .select("ts", factor=ratio.shift(1) / ratio, before=pl.col("close").shift(1))
        .filter((pl.col("factor") - 1.0).abs() > SMALLEST_CHANGE)
    )
    rows = [_action(symbol, ts, factor, before) for ts, factor, before in steps.iter_rows()]
    return pl.DataFrame(rows, schema=dict(columns), orient="row")


def _action(symbol: str, ts: datetime, factor: float, before: float) -> tuple[str, datetime, str, int, int, int]:
    near = Fraction(factor).limit_denominator(LARGEST_SPLIT_TERM)
    is_split = (
        near.numerator and abs(float(near) / factor - 1.0) < SPLIT_TOLERANCE and near.numerator != near.denominator
    )
    if is_split and near.numerator <= LARGEST_SPLIT_TERM:
        return symbol, ts, "split", near.denominator, near.numerator, 0
    return symbol, ts, "dividend", 1, 1, round((1.0 - factor) * before * AMOUNT_SCALE)
