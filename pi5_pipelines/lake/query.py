"""SQL over the lake: DuckDB in memory, bounded, with a view a table that shows prices as people write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
from duckdb import StatementType

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import DuckDBSettings

READING = (StatementType.SELECT, StatementType.EXPLAIN)
RUNS_WHAT_IT_EXPLAINS = re.compile(r"\banalyze\b", re.IGNORECASE)
SPILL = ".duckdb"


def connect(lake: Lake, limits: DuckDBSettings) -> duckdb.DuckDBPyConnection:
    """A connection with a view for every table at its current version; too much for memory spills to disk.

    Views of bars show real prices. A query reads the tables' own files and nothing else, and changes no setting.
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
    names = [name for name in lake.names() if lake.version(name) is not None]
    readable = {name: [str(path) for path, _period in lake.files(name)] for name in names}
    for name in sorted(names, key=lambda name: bool(schema_of(name).prices)):
        if readable[name]:
            _view(connection, name, readable[name])
    # Only the tables' own files may be read from here on, by whatever function a query calls.
    allowed = ", ".join(_quoted(path) for paths in readable.values() for path in paths)
    connection.execute(f"SET allowed_paths = [{allowed}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def check_reading(query: str) -> None:
    """Refuse a statement that does more than read; raises UnknownNameError, duckdb.Error where it is no SQL."""
    statements = duckdb.extract_statements(query)
    if len(statements) != 1:
        raise UnknownNameError(f"{len(statements)} statements", where="SQL", hint="ask one thing at a time")
    kind = statements[0].type
    if kind not in READING or (kind is StatementType.EXPLAIN and RUNS_WHAT_IT_EXPLAINS.search(query)):
        raise UnknownNameError(
            f"{kind.name} is no reading statement",
            where="SQL",
            hint="use SELECT, WITH, FROM, DESCRIBE, SHOW or EXPLAIN",
        )


def _view(connection: duckdb.DuckDBPyConnection, table: str, files: list[str]) -> None:
    source = f"read_parquet([{', '.join(map(_quoted, files))}], hive_partitioning = false)"
    columns = "*"
    schema = schema_of(table)
    if schema.prices:
        scales = dict.fromkeys(schema.prices, "price_scale") | dict.fromkeys(schema.sizes, "size_scale")
        columns = ", ".join(
            f"t.{name} / pow(10, i.{scales[name]}) AS {name}" if name in scales else f"t.{name}"
            for name in schema.columns
        )
        source += " t JOIN instruments i USING (symbol)"
    connection.execute(f'CREATE VIEW "{table}" AS SELECT {columns} FROM {source}')  # noqa: S608 - our own names


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
