"""Bars from CSV and Parquet files as people have them, or one error that says which line to mend."""

from __future__ import annotations

import csv
import difflib
import gzip
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import InputFileError
from pi5_pipelines.lake.schema import MOMENT

if TYPE_CHECKING:
    from pathlib import Path

NUMBERS = ("open", "high", "low", "close", "volume")
TIMES = ("ts", "date", "datetime", "timestamp", "time")
SYMBOLS = ("symbol", "ticker")
ADJUSTED = ("adj_close", "adj close", "adjclose", "adjusted_close")
TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y%m%d")
ZONE_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z")
# By the number of digits: seconds, milliseconds, microseconds; the shorter of each end in September 2001.
EPOCH_US = {9: 1_000_000, 10: 1_000_000, 12: 1_000, 13: 1_000, 15: 1, 16: 1}
GZIP = b"\x1f\x8b"
HINT = "a file needs a date or time column and open, high, low, close, volume, in any case"


def read_ohlcv(path: Path) -> pl.DataFrame:
    """Rows of ts (UTC), open, high, low, close, volume as floats, with symbol and adj_close where the file has them.

    Sorted by symbol and time. Raises InputFileError naming file, line or column, and reason.
    """
    raw = _read(path)
    if raw.is_empty():
        raise InputFileError("holds no rows", where=str(path), hint=HINT)
    names = {name.strip().lower(): name for name in raw.columns}
    if len(names) < len(raw.columns):
        twice = next(name for name in raw.columns if name not in names.values())
        raise InputFileError(f"two columns are called {twice.strip()!r}", where=str(path), hint="take one out")
    columns = [_times(raw, _time_column(raw, names, path), path).alias("ts")]
    columns += [_numbers(raw, _column(names, name, path), path).alias(name) for name in NUMBERS]
    adjusted = next((names[name] for name in ADJUSTED if name in names), None)
    if adjusted is not None:
        columns.append(_numbers(raw, adjusted, path).alias("adj_close"))
    symbol = next((names[name] for name in SYMBOLS if name in names), None)
    if symbol is not None:
        columns.append(_symbols(raw[symbol], path).alias("symbol"))
    frame = pl.DataFrame(columns)
    keys = ["symbol", "ts"] if symbol is not None else ["ts"]
    _refuse(frame.select(pl.struct(keys).is_first_distinct()).to_series(), path, "ts", frame["ts"], "is there twice")
    _refuse(frame["volume"] >= 0, path, "volume", frame["volume"], "is negative")
    return frame.sort(keys)


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.name.lower().endswith(".parquet"):
            return pl.read_parquet(path, hive_partitioning=False, glob=False)
        raw = pl.read_csv(path, infer_schema=False, truncate_ragged_lines=False, null_values=[""], glob=False)
        filled = raw.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
        return raw.head(int(filled[-1]) + 1 if filled.len() else 0)  # without blank lines at the end
    except FileNotFoundError as error:
        raise InputFileError("no such file", where=str(path), hint="check the path") from error
    except pl.exceptions.NoDataError as error:
        raise InputFileError("is empty", where=str(path), hint=HINT) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        kind = "Parquet" if path.name.lower().endswith(".parquet") else "CSV"
        first = _long_line(path) if "more fields" in str(error) else str(error).splitlines()[0]
        raise InputFileError(f"cannot be read as {kind}: {first}", where=str(path), hint=HINT) from error


def _long_line(path: Path) -> str:
    """Which line has more values than the header has names: polars does not tell."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if data.startswith(GZIP) else data).decode("utf-8", "replace")
    reader = csv.reader(text.splitlines(keepends=True))
    try:
        names = len(next(reader))
        return next(
            f"line {reader.line_num} has {len(row)} values for {names} columns" for row in reader if len(row) > names
        )
    except (csv.Error, StopIteration):
        return "a line has more values than there are columns"


def _column(names: dict[str, str], wanted: str, path: Path) -> str:
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    guess = f"; is {names[near[0]]!r} meant?" if near else ""
    raise InputFileError(f"no column {wanted!r}{guess}", where=str(path), hint=HINT)


def _time_column(raw: pl.DataFrame, names: dict[str, str], path: Path) -> str:
    for name in TIMES:
        if name in names:
            return names[name]
    first = raw.columns[0]
    if first.strip() == "" or first.startswith("__index_level"):
        return first  # an index that was saved without a name
    return _column(names, "date", path)


def _times(raw: pl.DataFrame, name: str, path: Path) -> pl.Series:
    column = _flat(raw[name], path)
    if column.dtype == pl.Date:
        times = column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    elif isinstance(column.dtype, pl.Datetime):
        times = column.cast(pl.Datetime("us", column.dtype.time_zone))
        zone = column.dtype.time_zone
        times = times.dt.convert_time_zone("UTC") if zone else times.dt.replace_time_zone("UTC")
    else:
        times = _parsed(column.cast(pl.String).str.strip_chars())
    _refuse(times.is_not_null(), path, name, column, "is no date or time")
    return times.cast(MOMENT)


def _parsed(text: pl.Series) -> pl.Series:
    """Dates, local times (taken as UTC), times with a zone, and epochs; null where none fits."""
    digits = text.str.len_chars()
    column = pl.col("t")
    ways = [column.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")]
    ways += [
        column.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC") for form in TIME_FORMATS
    ]
    ways += [
        column.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False, exact=True) for form in ZONE_FORMATS
    ]
    frame = pl.DataFrame({"t": text})
    epochs = [
        pl.when(pl.lit(digits) == length)
        .then(column.cast(pl.Int64, strict=False) * factor)
        .cast(pl.Datetime("us"))
        .dt.replace_time_zone("UTC")
        for length, factor in EPOCH_US.items()
    ]
    zoned = column.str.replace("Z$", "+00:00").alias("t")
    plain = frame.select(pl.coalesce(*ways[: 1 + len(TIME_FORMATS)], *epochs)).to_series()
    if plain.null_count() == 0:
        return plain
    offset = frame.select(zoned).select(pl.coalesce(*ways[1 + len(TIME_FORMATS) :])).to_series()
    return pl.select(pl.coalesce(plain, offset)).to_series()


def _numbers(raw: pl.DataFrame, name: str, path: Path) -> pl.Series:
    numbers = _flat(raw[name], path).cast(pl.Float64, strict=False)
    good = numbers.is_not_null() & numbers.is_finite().fill_null(value=False)
    _refuse(good, path, name, raw[name], "is no number")
    return numbers


def _flat(column: pl.Series, path: Path) -> pl.Series:
    """The column, unless its type holds no plain values: a Parquet file may have lists, structures and bytes."""
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise InputFileError(
            f"column {column.name!r} holds {column.dtype}, not plain values", where=str(path), hint="mend the file"
        )
    return column


def _symbols(column: pl.Series, path: Path) -> pl.Series:
    symbols = _flat(column, path).cast(pl.String).str.strip_chars()
    _refuse(symbols.is_not_null() & (symbols != ""), path, column.name, column, "is no symbol")
    return symbols


def _refuse(good: pl.Series, path: Path, column: str, values: pl.Series, problem: str) -> None:
    """Raise for the first row that is not good."""
    bad = (~good.fill_null(value=False)).arg_true()
    if bad.len():
        row = int(bad[0])
        value = "an empty value" if values[row] is None else repr(str(values[row]))
        line = row + (1 if path.name.lower().endswith(".parquet") else 2)  # a CSV's first line is its header
        unit = "row" if path.name.lower().endswith(".parquet") else "line"
        more = f" (and {bad.len() - 1} more)" if bad.len() > 1 else ""
        raise InputFileError(
            f"{unit} {line}, column {column!r}: {value} {problem}{more}", where=str(path), hint="mend the file"
        )
