"""The hot tier's tables that rows are loaded into and read from: columns in PostgreSQL's types, and keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pi5_pipelines.errors import UnknownNameError
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["text", "timestamptz", "int8", "int2"]

LATE = "late_"


@dataclass(frozen=True, slots=True)
class HotTable:
    """A table with `symbol` and `ts` in its key; no column is null, and prices and sizes are scaled integers."""

    name: str
    columns: Mapping[str, Kind]
    key: tuple[str, ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are not part of the key."""
        return tuple(name for name in self.columns if name not in self.key)

    @property
    def late(self) -> HotTable:
        """The table for rows that come after their range was handed over to the lake."""
        return HotTable(f"{LATE}{self.name}", self.columns, self.key)


def _columns(**kinds: Kind) -> dict[str, Kind]:
    return kinds


BARS = _columns(symbol="text", ts="timestamptz", open="int8", high="int8", low="int8", close="int8", volume="int8")
TICKS = _columns(symbol="text", ts="timestamptz", trade_id="int8", price="int8", size="int8", side="int2")

TABLES = {f"bars_{timeframe}": HotTable(f"bars_{timeframe}", BARS, ("symbol", "ts")) for timeframe in SECONDS}
TABLES["ticks"] = HotTable("ticks", TICKS, ("symbol", "ts", "trade_id"))


def hot_table(name: str) -> HotTable:
    """A table by its name, the overlays of late rows included; raises UnknownNameError."""
    if name.startswith(LATE) and name.removeprefix(LATE) in TABLES:
        return TABLES[name.removeprefix(LATE)].late
    if name in TABLES:
        return TABLES[name]
    raise UnknownNameError(f"no such table: {name!r}", where="TimescaleDB", hint=f"there are: {', '.join(TABLES)}")
