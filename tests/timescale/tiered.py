"""What tests of the hand-over share: a migrated database, rows for it, and runs of everything that moves them."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl
import psycopg

from pi5_pipelines.timescale.connection import Access, pool
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.load import LoadReport, load
from pi5_pipelines.timescale.migrations import migrate
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

START = datetime(2024, 1, 4, tzinfo=UTC)  # a Thursday: the 7-day chunks of TimescaleDB begin there
CHUNK = timedelta(days=7)
SYMBOLS = ("A", "B'é", "C")
# What `step` hears of in a run that drops a chunk, merges late rows and hands a chunk over.
DROPS = ("verified again", "drop not yet committed", "dropped")
STEPS = (
    *DROPS,
    "late rows read",
    "late rows in the lake",
    "late rows deleted",
    "late rows merged",
    "read",
    "in the lake",
    "verified",
    "locked",
    "recorded",
    "moved",
)


def access(dsn: str) -> Access:
    return Access(dsn, "the test's database")


@contextmanager
def migrated(dsn: str, symbols: Sequence[str] = SYMBOLS) -> Iterator[psycopg.Connection]:
    """A connection to a database with the schema and some instruments."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        migrate(connection)
        put_instruments(
            connection,
            [Instrument(one, Decimal("0.01"), 4, 0, Decimal(1), "USD", "XNYS", "NYSE") for one in symbols],
        )
        yield connection


def bars(
    start: datetime,
    count: int,
    *,
    step: timedelta = timedelta(minutes=30),
    symbols: Sequence[str] = SYMBOLS,
    add: int = 0,
) -> pl.DataFrame:
    """Scaled bars of every symbol from a moment on; `add` makes other ones of the same."""
    times = pl.Series("ts", [start + step * one for one in range(count)], dtype=pl.Datetime("us", "UTC"))
    number = pl.Series(range(count), dtype=pl.Int64)
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "symbol": [symbol] * count,
                    "ts": times,
                    "open": 1_000_000 * (place + 1) + number * 100 + add,
                    "high": 1_000_000 * (place + 1) + number * 100 + 300,
                    "low": number * 100 - 40_000,  # prices below zero happen
                    "close": 1_000_000 * (place + 1) + number % 7 * 100,
                    "volume": number % 1000 + 1,
                }
            )
            for place, symbol in enumerate(symbols)
        ]
    )


def put(dsn: str, table: str, rows: pl.DataFrame) -> LoadReport:
    with pool(access(dsn)) as connections:
        return load(connections, table, rows)


def ticks(
    start: datetime, count: int, *, step: timedelta = timedelta(minutes=5), symbols: Sequence[str] = SYMBOLS
) -> pl.DataFrame:
    """Trades of every symbol, two a moment."""
    times = pl.Series("ts", [start + step * (one // 2) * 2 for one in range(count)], dtype=pl.Datetime("us", "UTC"))
    number = pl.Series(range(count), dtype=pl.Int64)
    return pl.concat(
        [
            pl.DataFrame(
                {
                    "symbol": [symbol] * count,
                    "ts": times,
                    "trade_id": number,
                    "price": 1_000_000 * (place + 1) + number % 11 * 100,
                    "size": number % 5 * 100 + 100,
                    "side": (number % 3 - 1).cast(pl.Int16),
                }
            )
            for place, symbol in enumerate(symbols)
        ]
    )
