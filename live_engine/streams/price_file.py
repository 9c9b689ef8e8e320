"""Bars or ticks out of a CSV file, line by line: a year of ticks takes no more memory than a day of them.

The first line names the columns, in any case and order. Bars have a date or time and open, high, low, close, volume;
ticks have a time, price and size, and may have an id. Other columns are left alone. Times are ISO 8601 (UTC where they
name no zone) or whole seconds, milliseconds, microseconds or nanoseconds since 1970.
"""

from __future__ import annotations

import csv
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TextIO

from live_engine.errors import PricesError
from live_engine.events import BarClosed
from live_engine.streams.stream import Tick

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from live_engine.streams.stream import Update

TIMES = ("ts", "date", "datetime", "timestamp", "time", "")  # an index that was written out has no name
BAR_NUMBERS = ("open", "high", "low", "close", "volume")
TICK_NUMBERS = ("price", "size")
TRADE_ID = "id"
HINT = "name the columns date, open, high, low, close, volume (bars) or time, price, size (ticks) in the first line"
MEND = "mend the line, or take it out"
MAX_LINE = 10_000  # characters; a longer line is no line of prices
MAX_PRICE = Decimal("1e15")  # beyond it a number is surely a slip
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# By the number of digits; the shorter of each end in September 2001.
EPOCH_NS = {9: 10**9, 10: 10**9, 12: 10**6, 13: 10**6, 15: 10**3, 16: 10**3, 18: 1, 19: 1}


def read_prices(path: Path, symbol: str, timeframe: str) -> Iterator[Update]:
    """The updates of a file in its order; bars must rise in time. Raises PricesError naming file, line and reason."""
    try:
        with path.open(encoding="utf-8-sig", errors="strict", newline="") as handle:
            yield from _updates(handle, str(path), symbol, timeframe)
    except OSError as error:
        raise PricesError(f"cannot be read: {error.strerror}", where=str(path), hint="check the path") from error


def _updates(handle: TextIO, where: str, symbol: str, timeframe: str) -> Iterator[Update]:
    rows = _rows(handle, where)
    header = [name.strip().lower() for name in next(rows, (1, []))[1]]
    is_bars = "open" in header or "price" not in header
    columns = _columns(header, BAR_NUMBERS if is_bars else TICK_NUMBERS, where)
    id_column = header.index(TRADE_ID) if TRADE_ID in header else -1
    before_ns = None
    for number, row in rows:
        here = f"{where}, line {number}"
        if len(row) != len(header):
            raise PricesError(f"has {len(row)} values for {len(header)} columns", where=here, hint=MEND)
        ts_ns = _moment(row[columns[0]], here)
        numbers = [decimal_of(row[column], header[column], here) for column in columns[1:]]
        if not is_bars:
            trade_id = _trade_id(row[id_column], here) if id_column >= 0 else 0
            yield Tick(symbol, ts_ns, numbers[0], numbers[1], trade_id)
            continue
        if before_ns is not None and ts_ns <= before_ns:
            raise PricesError("its time does not come after the line before", where=here, hint="sort the bars by time")
        before_ns = ts_ns
        yield checked_bar(symbol, timeframe, ts_ns, numbers, here)


def checked_bar(symbol: str, timeframe: str, ts_ns: int, numbers: list[Decimal], where: str) -> BarClosed:
    """A bar whose prices go together; raises PricesError."""
    open_, high, low, close, volume = numbers
    if not low <= min(open_, close) <= max(open_, close) <= high:
        raise PricesError(
            f"open {open_} and close {close} do not lie between low {low} and high {high}", where=where, hint=MEND
        )
    return BarClosed(
        symbol=symbol, timeframe=timeframe, ts_ns=ts_ns, open=open_, high=high, low=low, close=close, volume=volume
    )


def decimal_of(text: str, name: str, where: str) -> Decimal:
    """A price above zero, or a quantity (`volume`, `size`) of zero or more; raises PricesError."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise PricesError(f"{name} {text[:40]!r} is not a number", where=where, hint=MEND) from None
    is_quantity = name in {"volume", "size"}
    if not (value.is_finite() and value <= MAX_PRICE and (value >= 0 if is_quantity else value > 0)):
        least = "0 or above" if is_quantity else "above 0"
        raise PricesError(f"{name} {text[:40]!r} must be {least} and up to 1e15", where=where, hint=MEND)
    return value


def _rows(handle: TextIO, where: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and values, blank lines left out."""
    number = 0
    while True:
        number += 1
        try:
            line = handle.readline(MAX_LINE)
        except UnicodeDecodeError as error:
            raise PricesError(
                "is not UTF-8 text", where=f"{where}, line {number}", hint="save the file as UTF-8 CSV"
            ) from error
        if not line:
            return
        if len(line) == MAX_LINE:
            raise PricesError(f"is longer than {MAX_LINE} characters", where=f"{where}, line {number}", hint=MEND)
        if line.strip():
            yield number, next(csv.reader([line]))


def _columns(header: list[str], numbers: tuple[str, ...], where: str) -> list[int]:
    """Where the time and the numbers are; raises PricesError."""
    here = f"{where}, line 1"
    time = next((name for name in TIMES if name in header), None)
    missing = [name for name in numbers if name not in header]
    if time is None:
        missing.insert(0, "date")
    if missing or time is None:
        raise PricesError(f"there is no column {', '.join(missing)}", where=here, hint=HINT)
    twice = [name for name in (time, *numbers) if header.count(name) > 1]
    if twice:
        raise PricesError(f"two columns are called {twice[0]!r}", where=here, hint="take one out")
    return [header.index(name) for name in (time, *numbers)]


def _moment(text: str, where: str) -> int:
    """UTC nanoseconds; raises PricesError."""
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) in EPOCH_NS:
        return int(text) * EPOCH_NS[len(text)]
    # datetime holds microseconds: what lies below them is read beside it.
    match = re.fullmatch(r"([^.]+?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?", text)
    try:
        whole, fraction, zone = match.groups(default="") if match else ("", "", "")
        moment = datetime.fromisoformat(whole + zone)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - EPOCH) // timedelta(microseconds=1) * 1_000 + int(fraction.ljust(9, "0"))
    except (ValueError, OverflowError):
        raise PricesError(
            f"time {text[:40]!r} is not one", where=where, hint="write it as 2026-01-31 or 2026-01-31T15:30:00Z"
        ) from None


def _trade_id(text: str, where: str) -> int:
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) < len(str(2**63)):
        return int(text)
    raise PricesError(f"id {text[:40]!r} is not a whole number", where=where, hint=MEND)
