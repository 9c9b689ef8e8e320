"""Polars frames from and to PostgreSQL's binary COPY format, whole columns at a time.

The format: https://www.postgresql.org/docs/17/sql-copy.html, section "Binary Format".
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pi5_pipelines.errors import TimescaleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from pi5_pipelines.timescale.schema import HotTable, Kind

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
EPOCH_US = 946_684_800_000_000  # PostgreSQL counts microseconds from 2000
WIDTHS: dict[Kind, int] = {"timestamptz": 8, "int8": 8, "int2": 2}
TYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "timestamptz": pl.Datetime("us", "UTC"),
    "int8": pl.Int64(),
    "int2": pl.Int16(),
}
ARRAY_HEAD = struct.Struct(">iiiii")  # dimensions, whether there are nulls, element type, length, lower bound


def encoded(frame: pl.DataFrame, table: HotTable) -> bytes:
    """A frame's rows, its text column last as `copy_columns` names them; without header and trailer.

    The rows have one width, which a text shorter than the longest leaves holes in; those are cut out at the end.
    """
    symbols = frame["symbol"]
    lengths = symbols.str.len_bytes().to_numpy()
    longest = int(lengths.max())
    numbers = [name for name in copy_columns(table) if name != "symbol"]
    fields: list[tuple[str, str]] = [("count", ">i2")]
    for name in numbers:
        fields += [(f"{name} length", ">i4"), (name, f">i{WIDTHS[table.columns[name]]}")]
    rows = np.empty(frame.height, dtype=[*fields, ("symbol length", ">i4"), ("symbol", f"S{longest}")])
    rows["count"] = len(table.columns)
    for name in numbers:
        rows[f"{name} length"] = WIDTHS[table.columns[name]]
        values = frame[name].to_physical().to_numpy()
        rows[name] = values - EPOCH_US if table.columns[name] == "timestamptz" else values
    rows["symbol length"] = lengths
    rows["symbol"] = _texts(symbols, longest)
    if int(lengths.min()) == longest:
        return rows.tobytes()
    start = rows.dtype.itemsize - longest
    keep = np.ones((frame.height, rows.dtype.itemsize), dtype=bool)
    keep[:, start:] = np.arange(longest) < lengths[:, None]
    return rows.view(np.uint8).reshape(frame.height, -1)[keep].tobytes()


def copy_columns(table: HotTable) -> list[str]:
    """The order in which `encoded` writes the columns."""
    return [name for name in table.columns if name != "symbol"] + ["symbol"]


def _texts(symbols: pl.Series, longest: int) -> NDArray[np.bytes_]:
    """Texts as fixed-width bytes; each distinct one is encoded once."""
    runs = symbols.rle().struct.unnest()
    values = np.array([value.encode() for value in runs["value"]], dtype=f"S{longest}")
    return np.repeat(values, runs["len"].to_numpy())


def decoded(data: bytes, table: HotTable) -> Iterator[pl.DataFrame]:
    """The frames in the answer to a COPY of `symbol, array_agg(column), ...`, one for each of its rows."""
    at = len(HEADER) + struct.unpack_from(">i", data, len(HEADER) - 4)[0]
    names = list(table.columns)
    while True:
        (count,) = struct.unpack_from(">h", data, at)
        at += 2
        if count < 0:
            return
        columns: dict[str, Any] = {}
        symbol = ""
        for name in names:
            (length,) = struct.unpack_from(">i", data, at)
            at += 4
            if name == "symbol":
                symbol = data[at : at + length].decode()
            else:
                columns[name] = _array(data, at, table.columns[name])
            at += length
        frame = pl.DataFrame({name: pl.Series(values) for name, values in columns.items()})
        yield frame.select(
            pl.lit(symbol).alias("symbol"), *(pl.col(name).cast(TYPES[table.columns[name]]) for name in columns)
        )


def _array(data: bytes, at: int, kind: Kind) -> NDArray[Any]:
    """One array of integers without nulls; timestamps become microseconds since 1970."""
    dimensions, nulls, _, length, _ = ARRAY_HEAD.unpack_from(data, at)
    if dimensions != 1 or nulls:
        raise TimescaleError("an answer holds nulls where there can be none", where="TimescaleDB")
    width = WIDTHS[kind]
    elements = np.frombuffer(
        data, dtype=[("length", ">i4"), ("value", f">i{width}")], count=length, offset=at + ARRAY_HEAD.size
    )
    values = elements["value"].astype(f"i{width}")
    return values + EPOCH_US if kind == "timestamptz" else values
