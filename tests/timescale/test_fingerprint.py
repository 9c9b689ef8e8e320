"""PostgreSQL and Polars tell rows by the same figures, which notice whatever may have happened to them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.timescale.fingerprint import joined, of_frame, of_server
from pi5_pipelines.timescale.schema import TABLES
from tests.timescale.tiered import START, bars, migrated

if TYPE_CHECKING:
    import psycopg

LARGE = 2**62
TABLE = TABLES["bars_1m"]


def extreme() -> pl.DataFrame:
    """Rows at the edges of what the columns hold: sums do not fit 64 bits, signs differ, microseconds count."""
    moments = [datetime(1931, 5, 6, 7, 8, 9, 123457, UTC), datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)]
    moments += [datetime(2099, 12, 31, 0, 0, 0, 1, UTC)]
    rows = [
        {
            "symbol": symbol,
            "ts": ts,
            "open": LARGE,
            "high": LARGE - place,
            "low": -place,
            "close": 0,
            "volume": 1,
        }
        for symbol in ("A", "é'")
        for place, ts in enumerate(moments)
    ]
    return pl.DataFrame(rows, schema_overrides={"ts": pl.Datetime("us", "UTC")})


def test_both_sides_compute_the_same(any_migrated_dsn: str) -> None:
    with migrated(any_migrated_dsn, ("A", "B'é", "C", "é'")) as connection:
        rows = pl.concat([bars(START, 500), extreme()])
        write(connection, rows)
        told = of_server(connection, TABLE)
        assert told == of_frame(rows, TABLE)
        assert told.rows == rows.height
        assert told.sums["open"] == sum(rows["open"].to_list())
        assert told.first == rows["ts"].min()
        some = rows.filter(pl.col("ts").is_between(START, START + timedelta(days=1), closed="left"))
        assert of_server(connection, TABLE, START, START + timedelta(days=1)) == of_frame(some, TABLE)
        assert of_server(connection, TABLE, START - timedelta(days=1), START).rows == 0


@given(
    row=st.integers(0, 299),
    column=st.sampled_from(["open", "high", "low", "close", "volume", "ts"]),
    other=st.integers(0, 299),
    change=st.integers(-(2**40), 2**40).filter(bool),
)
def test_a_changed_a_lost_and_a_doubled_row_and_swapped_values_are_noticed(
    row: int, column: str, other: int, change: int
) -> None:
    rows = bars(START, 100)
    told = of_frame(rows, TABLE)
    number = pl.int_range(pl.len())
    moved = pl.col(column).to_physical() + pl.when(number == row).then(change).otherwise(0)
    changed = rows.with_columns(moved.cast(rows.schema[column]).alias(column))
    assert of_frame(changed, TABLE) != told
    assert of_frame(rows.filter(number != row), TABLE) != told
    assert of_frame(pl.concat([rows, rows.slice(row, 1)]), TABLE) != told
    values = rows[column].to_list()
    values[row], values[other] = values[other], values[row]
    swapped = rows.with_columns(pl.Series(column, values, dtype=rows.schema[column]))
    assert (of_frame(swapped, TABLE) == told) == swapped.equals(rows)


@given(seed=st.integers(0, 2**32), cut=st.integers(0, 150))
def test_neither_order_nor_the_cut_into_parts_matters(seed: int, cut: int) -> None:
    rows = bars(START, 50)
    mixed = rows.sample(fraction=1.0, shuffle=True, seed=seed)
    parts = [of_frame(part, TABLE) for part in (mixed.slice(0, cut), mixed.slice(cut))]
    assert joined(parts, TABLE) == of_frame(rows, TABLE)
    assert joined(parts, TABLE).hash == of_frame(rows, TABLE).hash


def write(connection: psycopg.Connection, rows: pl.DataFrame) -> None:
    with connection.cursor().copy("COPY bars_1m (symbol, ts, open, high, low, close, volume) FROM STDIN") as copy:
        for row in rows.iter_rows():
            copy.write_row(row)
