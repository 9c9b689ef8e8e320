"""The hot tier's rows for DuckDB: read over psycopg, a chunk at a time, into files that live as long as a query."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.lake.query import SPILL, Recent
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.timescale.chunks import chunks
from pi5_pipelines.timescale.connection import access, connect, explained
from pi5_pipelines.timescale.read import rows_between
from pi5_pipelines.timescale.schema import TABLES, HotTable
from pi5_pipelines.timescale.watermark import watermark

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import polars as pl
    import psycopg

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import TimescaleSettings

FOLDER = "hot-"
STALE_S = 24 * 3600  # left over by a killed process
INSTRUMENTS = """
SELECT symbol, tick_size::text, price_scale::bigint, size_scale::bigint, lot::text, currency, calendar, venue
FROM public.instruments ORDER BY symbol
"""


@contextmanager
def recent_rows(settings: TimescaleSettings, lake: Lake, query: str) -> Iterator[dict[str, Recent]]:
    """What `lake.query.connect` needs to show the tables that a query names as one with the hot tier's.

    Nothing without a dsn, or when it names none of its tables. All is of one snapshot; call it before looking at the
    lake. Raises ConfigError, TimescaleError.
    """
    tables = [one for name, one in TABLES.items() if _names(query, name)]
    if not settings.dsn or not (tables or _names(query, "instruments")):
        yield {}
        return
    spill = lake.root / SPILL
    spill.mkdir(parents=True, exist_ok=True)
    _sweep(spill)
    with tempfile.TemporaryDirectory(prefix=FOLDER, dir=spill) as folder:
        with connect(access(settings, reader=True)) as connection:
            found = write(connection, tables, Path(folder))
        yield found


def write(connection: psycopg.Connection, tables: list[HotTable], folder: Path) -> dict[str, Recent]:
    """Tables at or above their watermarks and their late rows, as files in a folder; and the instruments."""
    found: dict[str, Recent] = {}
    with explained("the hot tier"), connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for table in tables:
            limit = watermark(connection, table)
            files: list[Path] = []
            for chunk in chunks(connection, table, after=limit):
                rows = rows_between(connection, table, (), chunk.start, chunk.end)
                files += _write(rows, table.name, folder / f"{table.name}-{len(files)}.parquet")
            late = rows_between(connection, table.late, (), None, None)
            found[table.name] = Recent(limit, files, _write(late, table.name, folder / f"{table.late.name}.parquet"))
        found["instruments"] = Recent(
            None, _write(_instruments(connection), "instruments", folder / "instruments.parquet"), ()
        )
    return found


def _names(query: str, table: str) -> bool:
    """Whether a query may read a table: its name is somewhere in it."""
    return bool(re.search(rf"\b{table}\b", query, re.IGNORECASE))


def _instruments(connection: psycopg.Connection) -> pl.DataFrame:
    import polars as pl

    rows = connection.execute(INSTRUMENTS).fetchall()
    return pl.DataFrame(rows, schema=dict(schema_of("instruments").columns), orient="row")


def _write(rows: pl.DataFrame | None, table: str, path: Path) -> list[Path]:
    """Rows in the lake's types; no file for no rows."""
    import polars as pl

    if rows is None or rows.is_empty():
        return []
    types: Mapping[str, pl.DataType] = schema_of(table).columns
    rows.select(pl.col(name).cast(kind) for name, kind in types.items()).write_parquet(path, compression="lz4")
    return [path]


def _sweep(spill: Path) -> None:
    """Remove what processes that were killed left behind."""
    for path in spill.glob(f"{FOLDER}*"):
        if path.stat().st_mtime < time.time() - STALE_S:
            shutil.rmtree(path, ignore_errors=True)
