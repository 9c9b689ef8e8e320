"""SQL over the lake: DuckDB in memory, bounded, with a view a table that shows prices as people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.market.bars import PRICES

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import DuckDBSettings

READING = ("select", "with", "from", "describe", "show", "explain", "summarize", "values", "pivot", "unpivot")
SPILL = ".duckdb"


def connect(lake: Lake, limits: DuckDBSettings) -> duckdb.DuckDBPyConnection:
    """A connection with a view for every table at its current version; too much for memory spills to disk.

    Views of bars show real prices. Nothing is fetched from outside, and settings cannot be changed afterwards.
    """
    spill = lake.root / SPILL
    spill.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": limits.memory_limit,
            "threads": limits.threads,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        },
    )
    connection.execute("SET lock_configuration = true")
    for name in sorted(lake.names(), key=lambda name: schema_of(name).tracked):
        if lake.version(name) is not None:
            _view(connection, lake, name)
    return connection


def check_reading(query: str) -> None:
    """Refuse a statement that does more than read; raises UnknownNameError."""
    first = re.match(r"\s*\(*\s*(\w+)", query)
    word = first.group(1).lower() if first else ""
    if word not in READING:
        raise UnknownNameError(
            f"{word.upper() or 'nothing'} is no reading statement",
            where="SQL",
            hint=f"begin with one of: {', '.join(READING)}",
        )
    if len(duckdb.extract_statements(query)) > 1:
        raise UnknownNameError("more than one statement", where="SQL", hint="ask one thing at a time")


def _view(connection: duckdb.DuckDBPyConnection, lake: Lake, table: str) -> None:
    files = [str(path) for path, _period in lake.files(table)]
    if not files:
        return
    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    source = f"read_parquet([{listed}], hive_partitioning = false)"
    columns = "*"
    if schema_of(table).tracked:
        prices = ", ".join(f"t.{name} / pow(10, i.price_scale) AS {name}" for name in PRICES)
        columns = f"t.symbol, t.ts, {prices}, t.volume / pow(10, i.size_scale) AS volume"
        source += " t JOIN instruments i USING (symbol)"
    connection.execute(f'CREATE VIEW "{table}" AS SELECT {columns} FROM {source}')  # noqa: S608 - our own names
