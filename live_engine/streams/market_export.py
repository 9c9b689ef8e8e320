"""`PI5_HOME/exports/market.sqlite`, which the data platform publishes for the engine: what is traded, when, and bars.

The file is replaced whole, never changed, so it is opened read-only and an open reader keeps the one it began with.
Numbers are exact decimal texts, times whole microseconds (UTC), tables WITHOUT ROWID in order of their key:

    meta               key TEXT, value TEXT              -- (key)
    instruments        symbol TEXT, tick_size TEXT, price_scale INTEGER, size_scale INTEGER, lot TEXT,
                       currency TEXT, calendar TEXT, venue TEXT                                     -- (symbol)
    sessions           calendar TEXT, opens_us INTEGER, closes_us INTEGER          -- (calendar, opens_us)
    corporate_actions  symbol TEXT, ts_us INTEGER, kind TEXT, numerator INTEGER, denominator INTEGER,
                       amount TEXT                                                     -- (symbol, ts_us, kind)
    bars               symbol TEXT, timeframe TEXT, ts_us INTEGER,  -- of the bar's start
                       open TEXT, high TEXT, low TEXT, close TEXT, volume TEXT     -- (symbol, timeframe, ts_us)

`meta` has `format` (1), `content` (the sha256 of all other rows), `written_ns` (when these rows were first published),
`sessions_from` and `sessions_to` (the days whose sessions are told), and `version TABLE` of each table of the lake.
An action is of the day it names: a split of numerator for denominator shares, a dividend of `amount` a share. Bars are
as they were quoted, with neither taken out (docs/adr/0029-the-engine-is-fed-quoted-prices.md).
"""

from __future__ import annotations

import heapq
import sqlite3
from contextlib import closing, contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from live_engine.errors import PricesError
from live_engine.streams.price_file import BAR_NUMBERS, checked_bar, decimal_of
from trading.errors import InstrumentError
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from live_engine.events import BarClosed

FORMAT = 1
HINT = "write it with `pi5 feed`, as the nightly job does"
ROWS = (
    "SELECT ts_us, open, high, low, close, volume FROM bars WHERE symbol = ? AND timeframe = ? AND ts_us < ? "
    "ORDER BY ts_us {order} LIMIT ?"
)
INSTRUMENTS = (
    "SELECT symbol, tick_size, price_scale, size_scale, lot, currency, calendar, venue FROM instruments ORDER BY symbol"
)
SESSIONS = "SELECT opens_us, closes_us FROM sessions WHERE calendar = ? ORDER BY opens_us"
EVER_US = 2**63 - 1


class Session(msgspec.Struct, frozen=True):
    """One session of a venue: UTC nanoseconds of its opening and its close, breaks between not told."""

    opens_ns: int
    closes_ns: int


class Edition(msgspec.Struct, frozen=True):
    """Which file it is: the sha256 of its rows, when they were first published, and the lake's versions by table."""

    content: str
    written_ns: int
    versions: dict[str, int]


def read_edition(path: Path) -> Edition:
    """What a file was made of; raises PricesError."""
    with _opened(path) as database:
        meta = _meta(database)
        try:
            versions = {
                key.removeprefix("version "): int(value) for key, value in meta.items() if key.startswith("version ")
            }
            return Edition(meta["content"], int(meta["written_ns"]), versions)
        except (KeyError, ValueError) as error:
            raise PricesError(f"table meta is wrong: {error!r}", where=str(path), hint=HINT) from error


def read_instruments(path: Path) -> tuple[Instrument, ...]:
    """How every symbol of the lake is quoted, in order of the symbols; raises PricesError."""
    with _opened(path) as database:
        return tuple(_instrument(path, *row) for row in database.execute(INSTRUMENTS))


def read_sessions(path: Path, calendar: str) -> tuple[Session, ...]:
    """A calendar's sessions of the past year and the next 30 days, oldest first; raises PricesError without any."""
    with _opened(path) as database:
        found = tuple(
            Session(opens * 1_000, closes * 1_000) for opens, closes in database.execute(SESSIONS, [calendar])
        )
    if not found:
        raise PricesError(f"there are no sessions of calendar {calendar!r}", where=str(path), hint=HINT)
    return found


def read_export(
    path: Path, symbols: Collection[str], timeframe: str, needed: Collection[str] | None = None
) -> Iterator[BarClosed]:
    """The bars of several symbols in the order of time, then of symbols; raises PricesError.

    Each of those `needed` (by default all) must have bars. However long the series, one row of each is held at a time.
    """
    with _opened(path) as database:
        for symbol in sorted(set(symbols if needed is None else needed)):
            if not [*_series(database, path, symbol, timeframe, last=1)]:
                raise PricesError(
                    f"there are no bars of {symbol} {timeframe}",
                    where=str(path),
                    hint="ingest its prices, name it under [[live.strategies]] of pi5.toml, then run `pi5 feed`",
                )
        series = [_series(database, path, symbol, timeframe) for symbol in sorted(set(symbols))]
        yield from heapq.merge(*series, key=lambda bar: (bar.ts_ns, bar.symbol))


def last_bars(path: Path, symbol: str, timeframe: str, count: int, before_us: int = EVER_US) -> list[BarClosed]:
    """The last `count` bars that begin before a moment, oldest first: what a strategy is warmed up by.

    There may be fewer, or none. Raises PricesError.
    """
    if count <= 0:
        return []
    with _opened(path) as database:
        return [*_series(database, path, symbol, timeframe, before_us, count)][::-1]


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, its format checked; whatever SQLite finds wrong while it is read is a PricesError."""
    if not path.is_file():
        raise PricesError("there is no such file", where=str(path), hint=HINT)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            _check_format(_meta(database), path)
            yield database
    except sqlite3.Error as error:
        raise PricesError(f"cannot be read: {error}", where=str(path), hint=HINT) from error


def _meta(database: sqlite3.Connection) -> dict[str, str]:
    return {str(key): str(value) for key, value in database.execute("SELECT key, value FROM meta")}


def _check_format(meta: dict[str, str], path: Path) -> None:
    text = meta.get("format", "")
    if not (text.isascii() and text.isdigit()):
        raise PricesError(f"table meta has format {text!r}, no number", where=str(path), hint=HINT)
    if int(text) > FORMAT:
        raise PricesError(
            f"has format {text}, and this engine reads {FORMAT}: a newer program wrote it",
            where=str(path),
            hint="let engine and data platform be of one version",
        )


def _instrument(path: Path, symbol: str, tick_size: str, price_scale: int, *rest: str | int) -> Instrument:
    size_scale, lot, *named = rest
    try:
        return Instrument(
            symbol, Decimal(tick_size), int(price_scale), int(size_scale), Decimal(lot), *(str(one) for one in named)
        )
    except (InstrumentError, InvalidOperation, ValueError, TypeError) as error:
        raise PricesError(f"instrument {symbol!r} cannot be: {error}", where=str(path), hint=HINT) from error


def _series(
    database: sqlite3.Connection, path: Path, symbol: str, timeframe: str, before_us: int = EVER_US, last: int = 0
) -> Iterator[BarClosed]:
    """One symbol's bars from the oldest on; with `last` so many from the newest back."""
    query = ROWS.format(order="DESC" if last else "ASC")
    for ts_us, *texts in database.execute(query, (symbol, timeframe, before_us, last or -1)):
        where = f"{path}, bars of {symbol} {timeframe} at ts_us {ts_us}"
        if not isinstance(ts_us, int):
            raise PricesError("ts_us is not a whole number", where=where, hint=HINT)
        named = zip(texts, BAR_NUMBERS, strict=True)
        numbers = [decimal_of(str(text), name, where) for text, name in named]
        yield checked_bar(symbol, timeframe, ts_us * 1_000, numbers, where)
