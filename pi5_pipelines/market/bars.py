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
SINGLE_DECIMALS = 6  # some files of single-precision floats were printed so: 128.26 reads 128.259995 there
LARGEST = 2.0**63


def to_scaled(bars: pl.DataFrame, instrument: Instrument, where: str, *, stored: bool = False) -> pl.DataFrame:
    """Real bars as the integers at rest; raises InputFileError where a value does not fit the scale.

    `stored` says that the symbol has rows at rest already, so that its scale is no longer free.

    What a vendor kept in single precision comes back as the shortest decimal that gives the same single-precision
    number: up to seven digits that is what was quoted (1234.56 reads 1234.56005859 there), and no file can tell more.
    """
    scales = {**dict.fromkeys(PRICES, ("price_scale", instrument.price_scale))}
    scales["volume"] = ("size_scale", instrument.size_scale)
    symbol = instrument.symbol
    way = f"{symbol} is stored with as many; in another home, which can hold all of it, " if stored else ""
    columns = []
    for name, (key, scale) in scales.items():
        whole = _whole(bars[name], scale)
        _check_fit(bars, name, whole, scale, (way, f"{key} in [instruments.{symbol}] of pi5.toml"), where)
        columns.append(whole.cast(pl.Int64))
    return pl.DataFrame([pl.Series("symbol", [symbol] * bars.height, dtype=pl.String), bars["ts"], *columns])


def _whole(value: pl.Series, scale: int) -> pl.Series:
    """Values times 10^scale as whole numbers, null where they are none.

    A column in which every value is of single precision, and one does not fit otherwise, is taken to be such in whole:
    81754.44 reads 81754.4375 there, which alone would fit four decimals.
    """
    scaled: pl.Series = value * 10**scale
    whole = scaled.round()
    fits = (scaled - whole).abs() <= (scaled.abs() * FIT_RATIO).clip(FIT)
    if fits.all():
        return whole
    found = pl.Series(value.name, [None] * len(value), dtype=pl.Float64)
    if not _reads(value, value).all():
        found = found.zip_with(~fits, whole)
    for decimals in range(scale + 1):
        short = value.round(decimals)
        found = found.zip_with(found.is_not_null() | ~_reads(value, short), (short * 10**scale).round())
    return found


def _reads(value: pl.Series, meant: pl.Series) -> pl.Series:
    """Whether each value is what single precision makes of another."""
    single = meant.cast(pl.Float32).cast(pl.Float64)
    same: pl.Series = (value == single) | (value == single.round(SINGLE_DECIMALS))
    return same


def fewest_decimals(bars: pl.DataFrame, most: int) -> int:
    """The fewest decimals that hold every price, but at most so many."""
    return next((few for few in range(most) if not any(_whole(bars[name], few).null_count() for name in PRICES)), most)


def _check_fit(bars: pl.DataFrame, name: str, whole: pl.Series, scale: int, mend: tuple[str, str], where: str) -> None:
    """Raise InputFileError for the first bar that does not fit; `mend` is said around "raise" or "lower"."""
    for bad, problem, advice in (
        ((bars[name] * 10**scale).abs() >= LARGEST, f"is too large for {scale} decimals", "lower"),
        (whole.is_null(), f"needs more than {scale} decimals", "raise"),
    ):
        row = bad.arg_max()
        if row is not None and bad[row]:
            raise InputFileError(
                f"{name} {bars[name][row]!r} at {bars['ts'][row]:%Y-%m-%d %H:%M} {problem}",
                where=where,
                hint=f"{mend[0]}{advice} {mend[1]}",
            )


def to_real(bars: pl.DataFrame, price_scale: int, size_scale: int) -> pl.DataFrame:
    """Scaled bars as real numbers, each the nearest to its decimal."""
    scales = {**dict.fromkeys(PRICES, price_scale), "volume": size_scale}
    return bars.with_columns(_divided(bars[name], scale) for name, scale in scales.items())


def _divided(values: pl.Series, scale: int) -> pl.Series:
    import numpy as np

    # By a lone number Polars multiplies with its reciprocal, and every third price would be off in the last digit.
    return values / pl.Series(np.full(len(values), 10.0**scale))


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
