"""Bars between scaled integers and real numbers, and from short timeframes to longer ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import InputFileError, UnknownNameError
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from trading.instrument import Instrument

PRICES = ("open", "high", "low", "close")
FIT, FIT_RATIO = 1e-6, 1e-12  # how far from a whole number a scaled value may lie: floats hold no exact decimals
SINGLE_DECIMALS = 6  # files that vendors made of single-precision floats: 128.26 reads 128.259995 there
LARGEST = 2.0**63


def to_scaled(bars: pl.DataFrame, instrument: Instrument, where: str) -> pl.DataFrame:
    """Real bars as the integers at rest; raises InputFileError where a value does not fit the scale."""
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
        value, scaled = bars[name], bars[name] * 10**scale
        whole = scaled.round()
        single = (whole / 10**scale).cast(pl.Float32).cast(pl.Float64)
        near = (scaled - whole).abs() <= (scaled.abs() * FIT_RATIO).clip(FIT)
        loses = ~(near | (value == single) | (value == single.round(SINGLE_DECIMALS)))
        for bad, problem, advice in (
            (scaled.abs() >= LARGEST, f"is too large for {scale} decimals", "lower"),
            (loses, f"needs more than {scale} decimals", "raise"),
        ):
            row = bad.arg_max()
            if row is not None and bad[row]:
                raise InputFileError(
                    f"{name} {value[row]!r} at {bars['ts'][row]:%Y-%m-%d %H:%M} {problem}",
                    where=where,
                    hint=f"{advice} {key} in [instruments.{symbol}] of pi5.toml",
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
