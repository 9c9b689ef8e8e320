"""What compression saves by TimescaleDB's own statistics, how fast chunks go to the lake, and what rows take there.

Servers are those of the tests: the Apache edition of PostgreSQL for the hand-over, and the Community edition, which
runs in WebAssembly here, for the sizes alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import psycopg
from bench_lake import SYMBOLS, minute_bars, ticks
from measure import ROOT, emit, peak_rss_mb

from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale import fingerprint
from pi5_pipelines.timescale.compression import compress, savings
from pi5_pipelines.timescale.connection import Access, pool
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.migrations import migrate
from pi5_pipelines.timescale.retention import drop_handed_over
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.tiering import tier
from trading.instrument import Instrument

sys.path.insert(0, str(ROOT))
from tests.timescale.fixtures import OWN_OBJECTS, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

END = datetime(2025, 1, 1, tzinfo=UTC)
COMPRESSED_ROWS = 100_000  # a symbol; the WebAssembly server keeps everything in memory


@contextmanager
def migrated(dsn: str) -> Iterator[psycopg.Connection]:
    """A connection to an empty database with the schema and the instruments."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        for (drop,) in connection.execute(OWN_OBJECTS).fetchall():
            connection.execute(drop)
        migrate(connection)
        put_instruments(connection, [Instrument(symbol) for symbol in SYMBOLS])
        yield connection


def put(dsn: str, table: str, rows: pl.DataFrame) -> None:
    """Load rows."""
    with pool(Access(dsn, "the benchmark's server")) as connections:
        load(connections, table, rows)


def compression(dsn: str, table: str, rows: pl.DataFrame, *, decimals: int) -> None:
    """Take and print what the Community edition saves; prices move in steps of 0.01 and are stored with `decimals`."""
    with migrated(dsn) as connection:
        put(dsn, table, rows)
        started = time.perf_counter()
        compress(connection, table, before=END)
        seconds = time.perf_counter() - started
        (saving,) = savings(connection)
    emit(
        f"timescaledb_compresses_{table}_of_price_scale_{decimals}",
        rows=rows.height,
        chunks=saving.chunks,
        saved_percent=saving.saved_pct,
        ratio=saving.ratio,
        bytes_per_row_before=saving.before_bytes / rows.height,
        bytes_per_row_after=saving.after_bytes / rows.height,
        rows_per_second=rows.height / seconds,
        includes="heap, indexes and TOAST, before and after, as hypertable_compression_stats tells them",
        does_not_show="the speed of a native server: this one runs in WebAssembly; real prices",
    )


def hand_over(dsn: str, table: str, rows: pl.DataFrame) -> None:
    """Take and print the figures of handing over and dropping."""
    with migrated(dsn) as connection, tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        put(dsn, table, rows)
        seconds = {}
        started = time.perf_counter()
        told = fingerprint.of_server(connection, TABLES[table])
        seconds["server"] = time.perf_counter() - started
        started = time.perf_counter()
        ours = fingerprint.of_frame(rows, TABLES[table])
        seconds["polars"] = time.perf_counter() - started
        if told != ours:
            raise SystemExit("the two sides differ")
        command = [sys.executable, __file__, "move", dsn, str(lake.root), table]
        moved = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        (saving,) = savings(connection)
        bare = Lake(Path(folder) / "bare")
        started = time.perf_counter()
        bare.upsert(table, rows)
        seconds["upsert"] = time.perf_counter() - started
        (stored,) = lake.tables()
    if moved["rows"] != rows.height:
        raise SystemExit("not all rows were handed over")
    emit(
        f"hand_over_{table}",
        rows=rows.height,
        chunks=saving.chunks,
        rows_per_second=rows.height / moved["tier_s"],
        rows_per_second_dropping=rows.height / moved["drop_s"],
        time_ratio_to_the_lakes_upsert_alone=moved["tier_s"] / seconds["upsert"],
        bytes_per_row_hot=saving.before_bytes / rows.height,
        bytes_per_row_lake=stored.bytes / stored.rows,
        saved_percent=saving.saved_pct,
        rows_per_second_fingerprint_server=rows.height / seconds["server"],
        rows_per_second_fingerprint_polars=rows.height / seconds["polars"],
        peak_rss_mb=moved["peak_rss_mb"],
        includes="a process of its own; reading, writing and reading back the lake, fingerprints of both sides",
        does_not_show="real prices; a server on another machine",
    )


def move(dsn: str, folder: str, table: str) -> None:
    """Hand over and drop, and print what it took: a process's whole work, so that its memory is that of this alone."""
    seconds = {}
    with psycopg.connect(dsn, autocommit=True) as connection:
        started = time.perf_counter()
        report = tier(connection, Lake(Path(folder)), table, before=END)
        seconds["tier_s"] = time.perf_counter() - started
        started = time.perf_counter()
        drop_handed_over(connection, Lake(Path(folder)), table, verified_before=END.replace(year=9999))
        seconds["drop_s"] = time.perf_counter() - started
    print(json.dumps({**seconds, "rows": report.rows, "peak_rss_mb": peak_rss_mb()}))


def main() -> None:
    """Both tables on both editions."""
    bars = pl.concat([minute_bars(symbol, seed) for seed, symbol in enumerate(SYMBOLS)])
    trades = pl.concat([ticks(symbol, seed) for seed, symbol in enumerate(SYMBOLS)])
    with serving("apache") as server:
        hand_over(server.dsn, "bars_1m", bars)
        hand_over(server.dsn, "ticks", trades)
    with serving("community") as server:
        few = bars.group_by("symbol", maintain_order=True).head(COMPRESSED_ROWS)
        compression(server.dsn, "bars_1m", few, decimals=4)
        compression(server.dsn, "bars_1m", few.with_columns(pl.col("open", "high", "low", "close") // 100), decimals=2)
        compression(server.dsn, "ticks", trades.group_by("symbol").head(COMPRESSED_ROWS), decimals=4)


if __name__ == "__main__":
    if sys.argv[1:2] == ["move"]:
        move(*sys.argv[2:])
    else:
        main()
