"""Bars out of `PI5_HOME/exports/market.sqlite`, which the data platform publishes for the engine.

The file is replaced whole, never changed, so it is opened read-only and an open reader keeps the one it began with:

    CREATE TABLE bars (
        symbol TEXT NOT NULL, timeframe TEXT NOT NULL, ts_us INTEGER NOT NULL,  -- UTC microseconds of the bar's start
        open TEXT NOT NULL, high TEXT NOT NULL, low TEXT NOT NULL, close TEXT NOT NULL,  -- decimals
        volume TEXT NOT NULL,
        PRIMARY KEY (symbol, timeframe, ts_us)
    ) WITHOUT ROWID
"""

from __future__ import annotations

import heapq
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from live_engine.errors import PricesError
from live_engine.streams.price_file import BAR_NUMBERS, checked_bar, decimal_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from live_engine.events import BarClosed

HINT = "let the data platform write it again"
ROWS = (
    "SELECT ts_us, open, high, low, close, volume FROM bars WHERE symbol = ? AND timeframe = ? AND ts_us < ? "
    "ORDER BY ts_us {order} LIMIT ?"
)
EVER_US = 2**63 - 1


def read_export(path: Path, symbols: Collection[str], timeframe: str) -> Iterator[BarClosed]:
    """The bars of several symbols in the order of time, then of symbols; raises PricesError.

    However long the series, one row of each is held at a time.
    """
    with closing(_opened(path)) as database:
        series = [_series(database, path, symbol, timeframe) for symbol in sorted(set(symbols))]
        yield from heapq.merge(*series, key=lambda bar: (bar.ts_ns, bar.symbol))


def last_bars(path: Path, symbol: str, timeframe: str, count: int, before_us: int = EVER_US) -> list[BarClosed]:
    """The last `count` bars that begin before a moment, oldest first: what a strategy is warmed up by."""
    with closing(_opened(path)) as database:
        return [*_series(database, path, symbol, timeframe, before_us, count)][::-1]


def _opened(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise PricesError("there is no such file", where=str(path), hint=HINT)
    try:
        return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    except sqlite3.Error as error:
        raise PricesError(f"cannot be opened: {error}", where=str(path), hint=HINT) from error


def _series(
    database: sqlite3.Connection, path: Path, symbol: str, timeframe: str, before_us: int = EVER_US, last: int = 0
) -> Iterator[BarClosed]:
    """One symbol's bars from the oldest on; with `last` so many from the newest back."""
    query = ROWS.format(order="DESC" if last else "ASC")
    try:
        for ts_us, *texts in database.execute(query, (symbol, timeframe, before_us, last or -1)):
            where = f"{path}, bars of {symbol} {timeframe} at ts_us {ts_us}"
            if not isinstance(ts_us, int):
                raise PricesError("ts_us is not a whole number", where=where, hint=HINT)
            named = zip(texts, BAR_NUMBERS, strict=True)
            numbers = [decimal_of(str(text), name, where) for text, name in named]
            yield checked_bar(symbol, timeframe, ts_us * 1_000, numbers, where)
    except sqlite3.Error as error:
        raise PricesError(f"cannot be read: {error}", where=str(path), hint=HINT) from error
