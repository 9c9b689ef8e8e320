"""From the lake to the live engine's file, and whether that file is the lake's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pi5_pipelines.errors import DataRangeError
from pi5_pipelines.feed import market_file
from pi5_pipelines.feed.series import Series, plan

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.feed.market_file import Written
    from pi5_pipelines.feed.series import Plan
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings

SESSIONS_BACK, SESSIONS_AHEAD = timedelta(days=365), timedelta(days=30)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EXPORT = "export"  # the value of live.prices that makes the engine read the file


@dataclass(frozen=True, slots=True)
class FeedReport:
    """What was published, and which series of [[live.strategies]] the lake lacks."""

    path: Path
    plan: Plan
    written: Written

    @property
    def symbols(self) -> int:
        """How many symbols have bars in it."""
        return len(self.plan.symbols)

    @property
    def missing_text(self) -> str:
        """The series that the lake lacks, as a list to read."""
        return ", ".join(f"{one.symbol} {one.timeframe}" for one in self.plan.missing)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at the file found: `problems` it must not have, and series that it lacks because the lake does."""

    rows: int
    problems: tuple[str, ...]
    missing: tuple[Series, ...]


def feed_file(settings: Settings) -> Path:
    """The file that the live engine reads."""
    return settings.folder("exports") / market_file.FILE


def publish(settings: Settings, lake: Lake, *, now: datetime) -> FeedReport:
    """Write the file anew from the lake as it stands; `now` (UTC) says which sessions are told.

    Raises DataRangeError for an empty lake, ConfigError, UnknownNameError, LakeError and FeedError.
    """
    from pi5_pipelines.feed import rows

    path = feed_file(settings)
    with market_file.alone(path):
        chosen = plan(settings, lake)
        instruments = lake.read("instruments")
        if instruments.is_empty():
            raise DataRangeError(
                "the lake is empty: there is nothing to feed the live engine with",
                where=str(lake.root),
                hint="run `pi5 ingest` first",
            )
        actions = lake.read("corporate_actions", symbols=chosen.symbols)
        first, last = (now - SESSIONS_BACK).date(), (now + SESSIONS_AHEAD).date()
        contents = {
            "instruments": [rows.instrument_rows(instruments)],
            "sessions": [rows.session_rows(instruments["calendar"], first, last)],
            "corporate_actions": [rows.action_rows(actions)],
            "bars": rows.bars(lake, chosen, instruments),
        }
        meta: dict[str, object] = {f"version {table}": version for table, version in chosen.versions.items()}
        meta |= {"sessions_from": first, "sessions_to": last}
        written = market_file.write(path, contents, meta, (now - EPOCH) // timedelta(microseconds=1) * 1_000)
    return FeedReport(path, chosen, written)


def inspect(settings: Settings, lake: Lake) -> Finding:
    """Whether the file opens whole and holds as many bars of each series as the lake; raises as `plan` does."""
    chosen, path = plan(settings, lake), feed_file(settings)
    try:
        with closing(market_file.reading(path)) as database:
            broken = [str(line) for (line,) in database.execute("PRAGMA quick_check(3)") if line != "ok"]
            counted = database.execute("SELECT symbol, timeframe, count(*) FROM bars GROUP BY symbol, timeframe")
            held = {Series(symbol, timeframe): rows for symbol, timeframe, rows in counted}
    except sqlite3.Error as error:
        return Finding(0, (f"{path} cannot be read: {error}",), chosen.missing)
    wanted = {one: span.rows for one, span in chosen.spans.items()}
    wrong = [
        f"{one.symbol} {one.timeframe}: {held.get(one, 0):,} bars, the lake has {wanted.get(one, 0):,}"
        for one in sorted(held.keys() | wanted.keys())
        if held.get(one, 0) != wanted.get(one, 0)
    ]
    return Finding(sum(held.values()), (*broken, *wrong), chosen.missing)


def is_read(settings: Settings) -> bool:
    """Whether the engine takes its prices from the file."""
    return settings.live.get("prices") == EXPORT
