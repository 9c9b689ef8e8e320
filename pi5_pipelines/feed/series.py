"""Which bars the live engine is fed: what `[[live.strategies]]` trade, and of `live.symbols` what the lake has.

Where neither is configured, everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from pi5_pipelines.errors import ConfigError
from pi5_pipelines.lake.schema import bars_table

if TYPE_CHECKING:
    from datetime import datetime

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings


class Series(msgspec.Struct, frozen=True, order=True):
    """One symbol's bars of a length; of an entry of [[live.strategies]] the rest is the engine's to check."""

    symbol: str
    timeframe: str = "1d"


@dataclass(frozen=True, slots=True)
class Span:
    """How many bars a series has, and the times of the first and the last."""

    rows: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Plan:
    """What is published: each series with what the lake has of it, those it lacks, and the tables' versions."""

    spans: dict[Series, Span]
    missing: tuple[Series, ...]
    versions: dict[str, int]

    @property
    def symbols(self) -> list[str]:
        """The symbols that have bars, in order."""
        return sorted({one.symbol for one in self.spans})


def plan(settings: Settings, lake: Lake) -> Plan:
    """What is to be published of the lake as it stands; raises ConfigError, UnknownNameError, LakeDamagedError."""
    asked = configured(settings)
    by_hand = {str(symbol) for symbol in settings.live.get("symbols", ())}
    timeframes = sorted({one.timeframe for one in asked}) or [settings.ingest.timeframe]
    found: dict[Series, Span] = {}
    versions = {}
    for timeframe in timeframes:
        version = lake.version(bars_table(timeframe))
        if version is not None:
            versions[bars_table(timeframe)] = version
            found |= spans(lake, timeframe, version)
    if asked:
        wanted = sorted({*asked, *(one for one in found if one.symbol in by_hand)})
    else:
        wanted = sorted(one for one in found if not by_hand or one.symbol in by_hand)
    for table in ("corporate_actions", "instruments"):
        version = lake.version(table)
        if version is not None:
            versions[table] = version
    return Plan(
        {one: found[one] for one in wanted if one in found},
        tuple(one for one in wanted if one not in found),
        versions,
    )


def configured(settings: Settings) -> list[Series]:
    """The series of [[live.strategies]], each once and in order; raises ConfigError."""
    try:
        entries = msgspec.convert(settings.live.get("strategies", ()), tuple[Series, ...], strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(
            f"an entry cannot be read: {error}",
            where="[[live.strategies]] of pi5.toml",
            hint="each needs a `name` and a `symbol`; pi5.example.toml shows one",
        ) from error
    return sorted(set(entries))


def spans(lake: Lake, timeframe: str, version: int) -> dict[Series, Span]:
    """What a version of a table of bars holds of each symbol; raises LakeDamagedError."""
    import polars as pl

    from pi5_pipelines.lake import damage

    table = bars_table(timeframe)
    files = [path for path, _period in lake.files(table, version)]
    if not files:
        return {}
    ts = pl.col("ts")
    scan = pl.scan_parquet(files, hive_partitioning=False).group_by("symbol")
    found = damage.collect(scan.agg(rows=pl.len(), first=ts.min(), last=ts.max()), table)
    return {Series(symbol, timeframe): Span(*rest) for symbol, *rest in found.iter_rows()}
