"""SQL over the lake: DuckDB in memory, bounded, with a view a table that shows prices as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
from duckdb import StatementType

from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.lake.schema import schema_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import DuckDBSettings

READING = (StatementType.SELECT, StatementType.EXPLAIN)
RUNS_WHAT_IT_EXPLAINS = re.compile(r"\banalyze\b", re.IGNORECASE)
SPILL = ".duckdb"


@dataclass(frozen=True, slots=True)
class Recent:
    """Rows of a table that lie outside the lake, in Parquet files: they override the lake's at or above a time.

    Late ones override any. Without a time all of the lake's rows count whose keys are not among them.
    """

    since: datetime | None
    files: Sequence[Path]
    late: Sequence[Path]


def connect(
    lake: Lake, limits: DuckDBSettings, recent: Mapping[str, Recent] | None = None
) -> duckdb.DuckDBPyConnection:
    """A connection with a view for every table at its current version; too much for memory spills to disk.

    Views of bars show real prices, and a table's `recent` rows with the lake's, each key once. A query reads the
    tables' own files and nothing else, and changes no setting.
    """
    recent = recent or {}
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
    stored = {name: [path for path, _period in lake.files(name)] for name in names}
    readable = [path for paths in stored.values() for path in paths]
    for name in sorted({*names, *recent}, key=lambda name: (bool(schema_of(name).prices), name)):
        fresh = recent.get(name, Recent(None, (), ()))
        readable += [*fresh.files, *fresh.late]
        source = _once(name, stored.get(name, ()), fresh)
        if source:
            _view(connection, name, source)
    # Only the tables' own files may be read from here on, by whatever function a query calls.
    allowed = ", ".join(_quoted(str(path)) for path in readable)
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


def _once(table: str, stored: Sequence[Path], recent: Recent) -> str:
    """A table's rows, each key once; nothing when there are none."""
    lake, fresh, late = map(_files, (stored, recent.files, recent.late))
    if not (fresh or late):
        return lake
    schema = schema_of(table)
    key = f"USING ({', '.join(schema.key)})"
    parts = [(late, "", ()), (fresh, "", (late,))]
    if recent.since is None:
        parts.append((lake, "", (late, fresh)))
    else:
        # Most of the lake lies below: only late rows can stand in the way there.
        since = f"CAST('{recent.since.isoformat()}' AS TIMESTAMPTZ)"
        parts += [(lake, f"WHERE ts < {since}", (late,)), (lake, f"WHERE ts >= {since}", (late, fresh))]
    columns = ", ".join(schema.columns)
    rows = [
        f"SELECT {columns} FROM (SELECT * FROM {source} {where}) AS rows"  # noqa: S608 - our own names
        + "".join(f" ANTI JOIN {other} AS other{place} {key}" for place, other in enumerate(others) if other)
        for source, where, others in parts
        if source
    ]
    return f"({' UNION ALL '.join(rows)})"


def _files(paths: Sequence[Path]) -> str:
    quoted = ", ".join(_quoted(str(path)) for path in paths)
    return f"read_parquet([{quoted}], hive_partitioning = false)" if quoted else ""


def _view(connection: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
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
