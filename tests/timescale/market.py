"""Bars and ticks for the hot tier's tests, and the tier they go into."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trading.instrument import Instrument

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

    from pi5_pipelines.timescale.connection import Access

SYMBOLS = ("AAPL", 'O\'Brien "&" Söhne', "€/円", "x'); DROP TABLE ticks; --")
INSTRUMENTS = tuple(Instrument(symbol) for symbol in SYMBOLS)
START = datetime(2024, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Hot:
    """A migrated hot tier: its superuser's access, a connection of the test's own, the pool that is tested."""

    access: Access
    connection: psycopg.Connection
    pool: ConnectionPool

    def one(self, query: str, *values: object) -> Any:  # noqa: ANN401 - whatever the column holds
        """The only value of a query's answer."""
        row = self.connection.execute(query.encode(), values or None).fetchone()
        assert row is not None
        return row[0]


def minute_bars(each: int, symbols: tuple[str, ...] = SYMBOLS, start: datetime = START) -> pl.DataFrame:
    """Scaled minute bars, `each` of them for every symbol, in order of symbol and time."""
    rng = np.random.default_rng(7)
    count = each * len(symbols)
    close = 1_000_000 + rng.integers(-500, 500, count).cumsum()
    minutes = np.tile(np.arange(each), len(symbols)) * 60_000_000
    return (
        pl.DataFrame(
            {
                "symbol": np.repeat(np.array(symbols, dtype=object), each),
                "ts": minutes + int(start.timestamp() * 1e6),
                "open": close - 3,
                "high": close + 9,
                "low": close - 11,
                "close": close,
                "volume": rng.integers(0, 5_000, count),
            },
            schema_overrides={"symbol": pl.String},
        )
        .with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
        .sort("symbol", "ts")
    )
