"""What rows are told by: figures that PostgreSQL and Polars compute alike, exactly, whatever the order of the rows.

Each row is read as the coefficients of a polynomial modulo a prime; its values at two points are multiplied, and the
products are summed without loss. A column's sum alone would miss two values that changed places, the products do not:
ADR 23.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    import psycopg
    from psycopg import sql

    from pi5_pipelines.timescale.schema import HotTable

PRIME = 2**31 - 1  # a product of two remainders fits 64 bits
POINTS = (1_103_515_245, 1_566_083_941)
HALF = 2**32


@dataclass(frozen=True, slots=True)
class Figures:
    """One symbol's rows: how many, first and last time, the sum of every column, the sum of the rows' products."""

    rows: int
    first: datetime
    last: datetime
    sums: tuple[int, ...]
    products: int

    def __add__(self, other: Figures) -> Figures:
        """The figures of both sets of rows together."""
        return Figures(
            self.rows + other.rows,
            min(self.first, other.first),
            max(self.last, other.last),
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            self.products + other.products,
        )


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The figures of rows by symbol; two sets of rows with equal ones are the same."""

    columns: tuple[str, ...]
    by_symbol: Mapping[str, Figures]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(one.rows for one in self.by_symbol.values())

    @property
    def first(self) -> datetime | None:
        """The earliest time."""
        return min((one.first for one in self.by_symbol.values()), default=None)

    @property
    def last(self) -> datetime | None:
        """The latest time."""
        return max((one.last for one in self.by_symbol.values()), default=None)

    @property
    def sums(self) -> dict[str, int]:
        """Each column's sum over all symbols; times are microseconds since 1970."""
        columns = zip(*(one.sums for one in self.by_symbol.values()), strict=True)
        return dict(zip(self.columns, map(sum, columns), strict=True)) if self.by_symbol else {}

    @property
    def hash(self) -> str:
        """SHA-256 of all figures, symbols in alphabetical order."""
        digest = hashlib.sha256()
        for symbol, one in sorted(self.by_symbol.items()):
            digest.update(repr((symbol, one.rows, one.sums, one.products)).encode())
        return digest.hexdigest()


def of_server(
    connection: psycopg.Connection, table: HotTable, low: datetime | None = None, high: datetime | None = None
) -> Fingerprint:
    """The fingerprint of a table's rows with low <= ts < high, computed by the server."""
    rows = connection.execute(_query(table, low, high)).fetchall()
    return Fingerprint(
        _numbers(table),
        {
            symbol: Figures(count, first, last, tuple(map(int, sums)), int(products))
            for symbol, count, first, last, products, *sums in rows
        },
    )


def of_frame(frame: pl.DataFrame, table: HotTable) -> Fingerprint:
    """The same of a frame."""
    names = _numbers(table)
    numbers = {name: pl.col(name).to_physical().cast(pl.Int64) for name in names}
    terms = {**numbers, "products": _form(numbers, POINTS[0]) * _form(numbers, POINTS[1])}
    # A sum of 64-bit numbers may not fit 64 bits; the sums of their halves do.
    halves = [part.sum().alias(f"{name}.{half}") for name, term in terms.items() for half, part in _halves(term)]
    grouped = frame.group_by("symbol").agg(
        pl.len().alias("rows"), pl.col("ts").min().alias("first"), pl.col("ts").max().alias("last"), *halves
    )
    return Fingerprint(names, {row["symbol"]: _figures(row, names) for row in grouped.iter_rows(named=True)})


def joined(parts: Iterable[Fingerprint], table: HotTable) -> Fingerprint:
    """The fingerprint of several sets of rows together."""
    total: dict[str, Figures] = {}
    for part in parts:
        for symbol, one in part.by_symbol.items():
            total[symbol] = total[symbol] + one if symbol in total else one
    return Fingerprint(_numbers(table), total)


def _numbers(table: HotTable) -> tuple[str, ...]:
    return tuple(name for name in table.columns if name != "symbol")


def _form(numbers: Mapping[str, pl.Expr], point: int) -> pl.Expr:
    """The rows' polynomials at a point."""
    value = pl.lit(0, pl.Int64)
    for number in numbers.values():
        value = (value * point + (number % PRIME + PRIME) % PRIME) % PRIME
    return value


def _halves(term: pl.Expr) -> tuple[tuple[str, pl.Expr], tuple[str, pl.Expr]]:
    return ("high", term // HALF), ("low", term % HALF)


def _figures(row: Mapping[str, Any], names: Iterable[str]) -> Figures:
    def total(name: str) -> int:
        return int(row[f"{name}.high"]) * HALF + int(row[f"{name}.low"])

    return Figures(row["rows"], row["first"], row["last"], tuple(map(total, names)), total("products"))


def _query(table: HotTable, low: datetime | None, high: datetime | None) -> sql.Composed:
    """Remainders of negative numbers differ between the two sides, hence the second one in each term."""
    from psycopg import sql

    def number(name: str) -> sql.Composed:
        # Seconds as double precision are exact to the microsecond until the year 2106, and ten times as fast.
        form = "round(date_part('epoch', {}) * 1000000)::bigint" if name == "ts" else "{}::bigint"
        return sql.SQL(form).format(sql.Identifier(name))

    def form(point: int) -> sql.Composable:
        value: sql.Composable = sql.SQL("0::bigint")
        for name in _numbers(table):
            value = sql.SQL("(({value}) * {point} + ({number} % {prime} + {prime}) % {prime}) % {prime}").format(
                value=value, point=sql.Literal(point), number=number(name), prime=sql.SQL(f"{PRIME}::bigint")
            )
        return value

    conditions: list[sql.Composable] = [sql.SQL("true")]
    if low is not None:
        conditions.append(sql.SQL("ts >= {}").format(sql.Literal(low)))
    if high is not None:
        conditions.append(sql.SQL("ts < {}").format(sql.Literal(high)))
    return sql.SQL(
        "SELECT symbol, count(*), min(ts), max(ts), sum(({}) * ({})), {} FROM public.{} WHERE {} GROUP BY symbol"
    ).format(
        form(POINTS[0]),
        form(POINTS[1]),
        sql.SQL(", ").join(sql.SQL("sum({})").format(number(name)) for name in _numbers(table)),
        sql.Identifier(table.name),
        sql.SQL(" AND ").join(conditions),
    )
