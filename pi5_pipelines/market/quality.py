"""What makes bars bad, one question a check; the answers are rows of table `verdicts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import date, datetime

    from pi5_pipelines.lake.schema import TableSchema

PRICES = ("open", "high", "low", "close")
DAILY = "bars_1d"  # of shorter bars, a session may begin on the evening before its day
SHOWN = 3  # examples in a detail
CHECKS = (
    "schema",
    "duplicate_keys",
    "time_order",
    "ohlc_sanity",
    "positive_prices",
    "missing_sessions",
    "off_session_bars",
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How often a check failed, where first, and in words."""

    count: int = 0
    first_ts: datetime | None = None
    detail: str = "ok"


def verdicts(
    table: str, symbol: str, bars: pl.DataFrame, sessions: Sequence[date] | str, *, max_missing_sessions: int = 0
) -> pl.DataFrame:
    """All checks of one symbol's scaled bars, in the order they are stored.

    `sessions` are the exchange's days, or a sentence why they are not known, which fails the check for missing ones.
    """
    schema = schema_of(table)
    checks: dict[str, Callable[[], Finding]] = {
        "schema": lambda: wrong_schema(bars, schema),
        "duplicate_keys": lambda: duplicate_keys(bars),
        "time_order": lambda: time_order(bars),
        "ohlc_sanity": lambda: ohlc_sanity(bars),
        "positive_prices": lambda: positive_prices(bars),
        "missing_sessions": lambda: (
            Finding(bars.height, None, sessions) if isinstance(sessions, str) else missing_sessions(bars, sessions)
        ),
        "off_session_bars": lambda: (
            off_session_bars(bars, sessions) if table == DAILY and not isinstance(sessions, str) else Finding()
        ),
    }
    allowed = {"missing_sessions": max_missing_sessions}
    rows: list[tuple[str, str, str, bool, int, datetime | None, str]] = []
    for name in CHECKS:
        broken = rows and not rows[0][3]
        found = Finding(0, None, "not judged: the schema is wrong") if broken else checks[name]()
        passed = not broken and found.count <= allowed.get(name, 0)
        rows.append((table, symbol, name, passed, found.count, found.first_ts, found.detail))
    return pl.DataFrame(rows, schema=dict(schema_of("verdicts").columns), orient="row")


def wrong_schema(bars: pl.DataFrame, schema: TableSchema) -> Finding:
    """Columns that are missing or of another type, and empty values."""
    problems = [
        f"{name} is {bars.schema.get(name, 'missing')}"
        for name, kind in schema.columns.items()
        if bars.schema.get(name) != kind
    ]
    if not problems:
        empty = bars.null_count().row(0, named=True)
        problems = [f"{name} has {count} empty values" for name, count in empty.items() if count]
    return Finding(len(problems), None, "; ".join(problems)) if problems else Finding()


def duplicate_keys(bars: pl.DataFrame) -> Finding:
    """Bars whose time is there already."""
    return _found(bars.filter(~pl.col("ts").is_first_distinct()), "time is there twice")


def time_order(bars: pl.DataFrame) -> Finding:
    """Bars that lie before the bar they follow."""
    return _found(bars.filter(pl.col("ts") < pl.col("ts").shift(1)), "lies before the bar it follows")


def ohlc_sanity(bars: pl.DataFrame) -> Finding:
    """Bars whose high is not the highest, whose low is not the lowest of the four prices, or with volume below zero."""
    wrong = (
        (pl.col("high") < pl.max_horizontal("open", "close", "low"))
        | (pl.col("low") > pl.min_horizontal("open", "close"))
        | (pl.col("volume") < 0)
    )
    return _found(bars.filter(wrong), "high, low and volume do not fit")


def positive_prices(bars: pl.DataFrame) -> Finding:
    """Bars with a price of zero or below."""
    return _found(bars.filter(pl.min_horizontal(*PRICES) <= 0), "a price is zero or below")


def missing_sessions(bars: pl.DataFrame, sessions: Sequence[date]) -> Finding:
    """Days between the first and the last bar on which the exchange traded and the symbol has no bar."""
    if bars.is_empty():
        return Finding(1, None, "no bars at all")
    first, last = bars["ts"].dt.date().min(), bars["ts"].dt.date().max()
    have = set(bars["ts"].dt.date().unique().to_list())
    missing = [day for day in sessions if first <= day <= last and day not in have]  # type: ignore[operator]
    if not missing:
        return Finding()
    examples = ", ".join(day.isoformat() for day in missing[:SHOWN])
    moment = pl.Series([missing[0]]).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")[0]
    return Finding(len(missing), moment, f"{len(missing)} missing: {examples}{' ...' if len(missing) > SHOWN else ''}")


def off_session_bars(bars: pl.DataFrame, sessions: Sequence[date]) -> Finding:
    """Daily bars of days on which the exchange did not trade: a mistaken date, or another exchange's calendar."""
    return _found(
        bars.filter(~pl.col("ts").dt.date().is_in(list(sessions))), "the exchange did not trade on", "%Y-%m-%d"
    )


def _found(bad: pl.DataFrame, problem: str, form: str = "%Y-%m-%d %H:%M") -> Finding:
    if bad.is_empty():
        return Finding()
    examples = ", ".join(f"{ts:{form}}" for ts in bad["ts"].head(SHOWN))
    return Finding(bad.height, bad["ts"][0], f"{problem}: {examples}{' ...' if bad.height > SHOWN else ''}")
