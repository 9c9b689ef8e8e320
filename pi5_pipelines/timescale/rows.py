"""What rows must be to be stored: of the table's columns and types, one a key, known symbols, no time to come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import RowsRefusedError
from pi5_pipelines.lake.order import rises
from pi5_pipelines.timescale.encoding import TYPES

if TYPE_CHECKING:
    from collections.abc import Collection

    from pi5_pipelines.timescale.schema import HotTable

AHEAD = timedelta(days=1)  # a session's bar may carry its day's end; anything later is a broken clock or a wrong unit


def conformed(frame: pl.DataFrame, table: HotTable, now: datetime | None = None) -> pl.DataFrame:
    """The frame in the table's columns, types and order of key, equal rows once; raises RowsRefusedError."""
    where = f"rows for {table.name}"
    lacking = [name for name in table.columns if name not in frame.columns]
    if lacking:
        raise RowsRefusedError(
            f"they lack {', '.join(lacking)}", where=where, hint=f"columns: {', '.join(table.columns)}"
        )
    frame = frame.select(_column(frame[name], TYPES[kind], where) for name, kind in table.columns.items())
    for name in table.columns:
        if frame[name].null_count():
            raise RowsRefusedError(f"{name} is null in {frame[name].null_count()} of them", where=where)
    if not rises(frame, table.key):
        frame = frame.sort(table.key)
    frame = _once(frame, table, where)
    latest = (now or datetime.now(UTC)) + AHEAD
    ahead = frame.filter(pl.col("ts") > latest)
    if ahead.height:
        symbol, ts = ahead.row(0)[:2]
        raise RowsRefusedError(
            f"{ahead.height} lie in the future, the first at {ts:%Y-%m-%d %H:%M} of {symbol}",
            where=where,
            hint="look at the clock, and at the unit of the source's timestamps",
        )
    for symbol in frame["symbol"].unique().to_list():
        if not symbol or "\0" in symbol:
            raise RowsRefusedError(f"{symbol!r} is no symbol", where=where)
    return frame


def check_symbols(frame: pl.DataFrame, known: Collection[str], table: HotTable) -> None:
    """Raise RowsRefusedError when a symbol has no row in `instruments`: nobody could read its prices."""
    unknown = sorted(set(frame["symbol"].unique().to_list()) - set(known))
    if unknown:
        raise RowsRefusedError(
            f"{', '.join(unknown[:5])}{' and more' if unknown[5:] else ''}: no such row in `instruments`",
            where=f"rows for {table.name}",
            hint="put the instruments first: they hold the scales of prices and sizes",
        )


def _column(series: pl.Series, kind: pl.DataType, where: str) -> pl.Series:
    """A column in the table's type; only whole numbers become integers, and only those that fit."""
    if series.dtype == kind:
        return series
    whole = series.dtype.is_integer() and kind.is_integer()
    moment = isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None and kind.is_temporal()
    text = series.dtype in (pl.Categorical, pl.Enum) and kind == pl.String
    if not (whole or moment or text):
        hint = "scale it first: pi5_pipelines.market.bars.to_scaled" if kind.is_integer() else "times need their zone"
        raise RowsRefusedError(f"{series.name} is {series.dtype}, not {kind}", where=where, hint=hint)
    try:
        return series.cast(kind)
    except pl.exceptions.InvalidOperationError as error:
        raise RowsRefusedError(
            f"{series.name} holds numbers that do not fit {kind}", where=where, hint="lower the instrument's scale"
        ) from error


def _once(frame: pl.DataFrame, table: HotTable, where: str) -> pl.DataFrame:
    """Sorted rows with equal ones left out; raises RowsRefusedError when two differ under one key."""
    if rises(frame, table.key):
        return frame
    frame = frame.unique(maintain_order=True)
    if not rises(frame, table.key):
        twice = frame.filter(pl.struct(table.key).is_duplicated()).row(0)
        key = ", ".join(str(value) for value in twice[: len(table.key)])
        raise RowsRefusedError(f"two different ones for {key}", where=where, hint="give one row a key")
    return frame
