"""Bars from CSV and Parquet files as people have them, or one error that says which line to mend."""

from __future__ import annotations

import csv
import difflib
import gzip
import io
import re
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import InputFileError
from pi5_pipelines.lake.schema import MOMENT
from pi5_pipelines.sources.base import Piece

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
SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9.\-^=]*")  # not "..", which is a folder
GZIP = b"\x1f\x8b"
HINT = "a file needs a date or time column and open, high, low, close, volume, in any case"


def read_ohlcv(path: Path) -> pl.DataFrame:
    """The rows of a file, as `parse_ohlcv` answers and raises."""
    try:
        return parse_ohlcv(path.read_bytes(), str(path))
    except FileNotFoundError as error:
        raise InputFileError("no such file", where=str(path), hint="check the path") from error
    except OSError as error:
        raise InputFileError(f"cannot be read: {error.strerror}", where=str(path), hint=HINT) from error


def pieces_of(source: str, file_name: str, data: bytes, symbol: str, where: str) -> list[Piece]:
    """What a source received, a piece a symbol: `symbol` is meant where there is no symbol column.

    `where` is what an error names: a path, an address. Raises InputFileError.
    """
    from pi5_pipelines.market.actions import actions_of

    frame = parse_ohlcv(data, where)
    if "symbol" not in frame.columns:
        frame = frame.with_columns(pl.lit(symbol).alias("symbol"))
    parts = {str(name): part.drop("symbol") for (name,), part in frame.partition_by("symbol", as_dict=True).items()}
    for name in parts:
        if not SYMBOL.fullmatch(name):
            raise InputFileError(
                f"symbol {name!r} is not made of letters, digits and . - ^ = after a letter, a digit or ^",
                where=where,
                hint="name the file after its symbol, or mend its symbol column",
            )
    return [Piece(source, name, file_name, data, part, actions_of(name, part)) for name, part in parts.items()]


def parse_ohlcv(data: bytes, where: str) -> pl.DataFrame:
    """Rows of ts (UTC), open, high, low, close, volume as floats, with symbol and adj_close where the file has them.

    Sorted by symbol and time. It is taken as Parquet or as CSV by the end of `where`, the file's name or address.
    Raises InputFileError naming file, line or column, and reason.
    """
    raw = _read(data, where)
    if raw.is_empty():
        raise InputFileError("holds no rows", where=where, hint=HINT)
    names = {name.strip().lower(): name for name in raw.columns}
    if len(names) < len(raw.columns):
        twice = next(name for name in raw.columns if name not in names.values())
        raise InputFileError(f"two columns are called {twice.strip()!r}", where=where, hint="take one out")
    columns = [_times(raw, _time_column(raw, names, where), where).alias("ts")]
    columns += [_numbers(raw, _column(names, name, where), where).alias(name) for name in NUMBERS]
    adjusted = next((names[name] for name in ADJUSTED if name in names), None)
    if adjusted is not None:
        columns.append(_numbers(raw, adjusted, where).alias("adj_close"))
    symbol = next((names[name] for name in SYMBOLS if name in names), None)
    if symbol is not None:
        columns.append(_symbols(raw[symbol], where).alias("symbol"))
    frame = pl.DataFrame(columns)
    keys = ["symbol", "ts"] if symbol is not None else ["ts"]
    _refuse(frame.select(pl.struct(keys).is_first_distinct()).to_series(), where, "ts", frame["ts"], "is there twice")
    _refuse(frame["volume"] >= 0, where, "volume", frame["volume"], "is negative")
    return frame.sort(keys)


def _is_parquet(where: str) -> bool:
    return where.lower().endswith(".parquet")


def _read(data: bytes, where: str) -> pl.DataFrame:
    try:
        if _is_parquet(where):
            return pl.read_parquet(io.BytesIO(data), hive_partitioning=False)
        raw = pl.read_csv(io.BytesIO(data), infer_schema=False, truncate_ragged_lines=False, null_values=[""])
        filled = raw.select(pl.any_horizontal(pl.all().is_not_null())).to_series().arg_true()
        return raw.head(int(filled[-1]) + 1 if filled.len() else 0)  # without blank lines at the end
    except pl.exceptions.NoDataError as error:
        raise InputFileError("is empty", where=where, hint=HINT) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        kind = "Parquet" if _is_parquet(where) else "CSV"
        first = _long_line(data) if "more fields" in str(error) else str(error).splitlines()[0]
        raise InputFileError(f"cannot be read as {kind}: {first}", where=where, hint=HINT) from error


def _long_line(data: bytes) -> str:
    """Which line has more values than the header has names: polars does not tell."""
    text = (gzip.decompress(data) if data.startswith(GZIP) else data).decode("utf-8", "replace")
    reader = csv.reader(text.splitlines(keepends=True))
    try:
        names = len(next(reader))
        return next(
            f"line {reader.line_num} has {len(row)} values for {names} columns" for row in reader if len(row) > names
        )
    except (csv.Error, StopIteration):
        return "a line has more values than there are columns"


def _column(names: dict[str, str], wanted: str, where: str) -> str:
    if wanted in names:
        return names[wanted]
    near = difflib.get_close_matches(wanted, names, n=1, cutoff=0.6)
    guess = f"; is {names[near[0]]!r} meant?" if near else ""
    raise InputFileError(f"no column {wanted!r}{guess}", where=where, hint=HINT)


def _time_column(raw: pl.DataFrame, names: dict[str, str], where: str) -> str:
    for name in TIMES:
        if name in names:
            return names[name]
    first = raw.columns[0]
    if first.strip() == "" or first.startswith("__index_level"):
        return first  # an index that was saved without a name
    return _column(names, "date", where)


def _times(raw: pl.DataFrame, name: str, where: str) -> pl.Series:
    column = _flat(raw[name], where)
    if column.dtype == pl.Date:
        times = column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    elif isinstance(column.dtype, pl.Datetime):
        times = column.cast(pl.Datetime("us", column.dtype.time_zone))
        zone = column.dtype.time_zone
        times = times.dt.convert_time_zone("UTC") if zone else times.dt.replace_time_zone("UTC")
    else:
        times = _parsed(column.cast(pl.String).str.strip_chars())
    _refuse(times.is_not_null(), where, name, column, "is no date or time")
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


def _numbers(raw: pl.DataFrame, name: str, where: str) -> pl.Series:
    numbers = _flat(raw[name], where).cast(pl.Float64, strict=False)
    good = numbers.is_not_null() & numbers.is_finite().fill_null(value=False)
    _refuse(good, where, name, raw[name], "is no number")
    return numbers


def _flat(column: pl.Series, where: str) -> pl.Series:
    """The column, unless its type holds no plain values: a Parquet file may have lists, structures and bytes."""
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        raise InputFileError(
            f"column {column.name!r} holds {column.dtype}, not plain values", where=where, hint="mend the file"
        )
    return column


def _symbols(column: pl.Series, where: str) -> pl.Series:
    symbols = _flat(column, where).cast(pl.String).str.strip_chars()
    _refuse(symbols.is_not_null() & (symbols != ""), where, column.name, column, "is no symbol")
    return symbols


def _refuse(good: pl.Series, where: str, column: str, values: pl.Series, problem: str) -> None:
    """Raise for the first row that is not good."""
    bad = (~good.fill_null(value=False)).arg_true()
    if bad.len():
        row = int(bad[0])
        value = "an empty value" if values[row] is None else repr(str(values[row]))
        line = row + (1 if _is_parquet(where) else 2)  # a CSV's first line is its header
        unit = "row" if _is_parquet(where) else "line"
        more = f" (and {bad.len() - 1} more)" if bad.len() > 1 else ""
        raise InputFileError(
            f"{unit} {line}, column {column!r}: {value} {problem}{more}", where=where, hint="mend the file"
        )
