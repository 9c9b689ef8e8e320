"""Bars between scaled integers and real numbers, and from short timeframes to longer ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import InputFileError, UnknownNameError
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from trading.instrument import Instrument

PRICES = ("open", "high", "low", "close")
FIT = 1e-6  # how far from a whole number a scaled value may lie: floats do not hold decimals exactly


def to_scaled(bars: pl.DataFrame, instrument: Instrument, where: str) -> pl.DataFrame:
    """Real bars as the integers at rest; raises InputFileError where a price has more decimals than the scale."""
    _check_fit(bars, PRICES, instrument.price_scale, "price_scale", instrument.symbol, where)
    _check_fit(bars, ("volume",), instrument.size_scale, "size_scale", instrument.symbol, where)
    return bars.select(
        pl.lit(instrument.symbol).alias("symbol"),
        "ts",
        *((pl.col(name) * 10**instrument.price_scale).round().cast(pl.Int64) for name in PRICES),
        (pl.col("volume") * 10**instrument.size_scale).round().cast(pl.Int64),
    )


def _check_fit(bars: pl.DataFrame, columns: tuple[str, ...], scale: int, key: str, symbol: str, where: str) -> None:
    for name in columns:
        scaled = bars[name] * 10**scale
        bad = ((scaled - scaled.round()).abs() > FIT * scaled.abs().clip(1.0)).arg_true()
        if bad.len():
            row = int(bad[0])
            raise InputFileError(
                f"{name} {bars[name][row]!r} at {bars['ts'][row]:%Y-%m-%d %H:%M} needs more than {scale} decimals",
                where=where,
                hint=f"raise {key} in [instruments.{symbol}] of pi5.toml",
            )


def to_real(bars: pl.DataFrame, price_scale: int, size_scale: int) -> pl.DataFrame:
    """Scaled bars as real numbers."""
    return bars.with_columns(
        *(pl.col(name) / 10**price_scale for name in PRICES), volume=pl.col("volume") / 10**size_scale
    )


def resample(bars: pl.DataFrame, timeframe: str) -> pl.DataFrame:
    """Bars of a longer timeframe from UTC midnight: first open, highest high, lowest low, last close, summed volume.

    Works on scaled and on real bars; raises UnknownNameError.
    """
    if timeframe not in SECONDS:
        raise UnknownNameError(f"no such timeframe: {timeframe!r}", hint=f"there are: {', '.join(SECONDS)}")
    return (
        bars.sort("symbol", "ts")
        .group_by("symbol", pl.col("ts").dt.truncate(f"{SECONDS[timeframe]}s"), maintain_order=True)
        .agg(
            pl.col("open").first(),
            pl.col("high").max(),
            pl.col("low").min(),
            pl.col("close").last(),
            pl.col("volume").sum(),
        )
    )
