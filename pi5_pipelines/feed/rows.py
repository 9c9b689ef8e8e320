"""The lake's rows as the engine reads them: numbers as exact decimal texts, times as UTC microseconds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import polars as pl

from pi5_pipelines.lake.schema import bars_table
from pi5_pipelines.market.actions import AMOUNT_SCALE
from pi5_pipelines.market.bars import PRICES
from pi5_pipelines.market.calendars import hours

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pi5_pipelines.feed.series import Plan, Series, Span
    from pi5_pipelines.lake.table import Lake

Row = tuple[Any, ...]

ROWS_AT_ONCE = 1_000_000  # bars read together: about 60 MB
SLICE = 20_000  # bars that are texts at once
INSTRUMENT = ("symbol", "tick_size", "price_scale", "size_scale", "lot", "currency", "calendar", "venue")


def bars(lake: Lake, plan: Plan, instruments: pl.DataFrame) -> Iterator[list[Row]]:
    """All bars of the plan in order of timeframe, symbol and time, some at a time; raises LakeDamagedError."""
    quoted = {row["symbol"]: row for row in instruments.iter_rows(named=True)}
    for timeframe in sorted({one.timeframe for one in plan.spans}):
        table = bars_table(timeframe)
        for symbols, start, end in portions({s: span for s, span in plan.spans.items() if s.timeframe == timeframe}):
            frame = lake.read(table, version=plan.versions[table], symbols=symbols, start=start, end=end)
            for (symbol,), part in frame.partition_by("symbol", as_dict=True, maintain_order=True).items():
                scales = (quoted[symbol]["price_scale"], quoted[symbol]["size_scale"])
                for piece in part.iter_slices(SLICE):
                    yield bar_texts(piece, timeframe, *scales).rows()


def portions(spans: Mapping[Series, Span]) -> Iterator[tuple[list[str], date | None, date | None]]:
    """Symbols that are read together, or one symbol's years one by one where a read would hold too many rows."""
    together: list[str] = []
    rows = 0
    for one, span in sorted(spans.items()):
        if together and rows + span.rows > ROWS_AT_ONCE:
            yield together, None, None
            together, rows = [], 0
        if span.rows > ROWS_AT_ONCE:
            for year in range(span.first.year, span.last.year + 1):
                yield [one.symbol], date(year, 1, 1), date(year, 12, 31)
        else:
            together.append(one.symbol)
            rows += span.rows
    if together:
        yield together, None, None


def bar_texts(frame: pl.DataFrame, timeframe: str, price_scale: int, size_scale: int) -> pl.DataFrame:
    """Scaled bars as rows of the engine's table `bars`."""
    return frame.select(
        "symbol",
        pl.lit(timeframe).alias("timeframe"),
        pl.col("ts").dt.epoch("us"),
        *(decimal_text(name, price_scale) for name in PRICES),
        decimal_text("volume", size_scale),
    )


def decimal_text(name: str, scale: int) -> pl.Expr:
    """A column of scaled whole numbers as the shortest exact decimals: 1234500 of scale 4 is 123.45."""
    value, unit = pl.col(name), 10**scale
    whole, rest = value.abs() // unit, value.abs() % unit
    text = whole.cast(pl.String) + "." + rest.cast(pl.String).str.zfill(scale)
    short = text.str.strip_chars_end("0").str.strip_chars_end(".")
    sign = pl.when(value < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    return pl.concat_str(sign, short).alias(name)


def instrument_rows(instruments: pl.DataFrame) -> list[Row]:
    """How each symbol of the lake is quoted."""
    return instruments.select(INSTRUMENT).sort("symbol").rows()


def action_rows(actions: pl.DataFrame) -> list[Row]:
    """Splits and dividends; a dividend's amount a share as decimal text."""
    found = actions.sort("symbol", "ts", "kind").select(
        "symbol", pl.col("ts").dt.epoch("us"), "kind", "numerator", "denominator", "amount"
    )
    return [(*rest, format((Decimal(amount) / AMOUNT_SCALE).normalize(), "f")) for *rest, amount in found.iter_rows()]


def session_rows(calendars: Iterable[str], first: date, last: date) -> list[Row]:
    """When each calendar's venues trade, session by session; raises UnknownNameError and DataRangeError."""
    return [(name, *span) for name in sorted(set(calendars)) for span in hours(name, first, last)]
