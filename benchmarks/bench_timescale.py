"""Bulk load, upsert, replay and read of TimescaleDB beside psql's COPY of the same presorted rows, in turn."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from measure import ROOT, emit
from psycopg import sql

from pi5_pipelines.timescale.connection import Access, connect, pool, shown
from pi5_pipelines.timescale.encoding import HEADER, TRAILER, copy_columns, encoded
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.migrations import migrate
from pi5_pipelines.timescale.read import read
from pi5_pipelines.timescale.schema import hot_table
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import psycopg

SYMBOLS = tuple(f"SYM{number:03}" for number in range(50))
ROWS_PER_SYMBOL = 20_000
ROUNDS = 7
LONG_FRAMES, LONG_EACH = 100, 2_000  # 10 M rows: a hundred frames of 2,000 minutes of 50 symbols
START_US = 1_704_067_200_000_000  # 2024-01-01
TABLE = hot_table("bars_1m")
DEAD = """
SELECT coalesce(sum((pgstattuple(format('%I.%I', chunk_schema, chunk_name)::regclass)).dead_tuple_count), 0)::bigint
FROM timescaledb_information.chunks WHERE hypertable_name = 'bars_1m'
"""


def minute_bars(each: int, first_minute: int = 0) -> pl.DataFrame:
    """A random walk of scaled minute bars, in order of symbol and time."""
    rng = np.random.default_rng(first_minute)
    count = each * len(SYMBOLS)
    close = 1_000_000 + rng.integers(-500, 500, count).cumsum() % 500_000
    minutes = np.tile(np.arange(first_minute, first_minute + each), len(SYMBOLS))
    return pl.DataFrame(
        {
            "symbol": pl.Series(SYMBOLS).gather(np.repeat(np.arange(len(SYMBOLS)), each)),
            "ts": pl.Series(minutes * 60_000_000 + START_US).cast(pl.Datetime("us", "UTC")),
            "open": close - 3,
            "high": close + 9,
            "low": close - 11,
            "close": close,
            "volume": rng.integers(0, 5_000, count),
        }
    )


@contextmanager
def server() -> Iterator[str]:
    """The database of PI5_TEST_TIMESCALE_DSN, else a throw-away one that flushes its commits as a real one does."""
    if os.environ.get("PI5_TEST_TIMESCALE_DSN"):
        yield os.environ["PI5_TEST_TIMESCALE_DSN"]
        return
    command = [str(ROOT / "scripts" / "timescale"), "apache"]
    for setting in ("fsync=on", "full_page_writes=on", "shared_buffers=1GB", "max_wal_size=4GB"):
        command += ["--set", setting]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        told = json.loads(process.stdout.readline())
        if "error" in told:
            sys.exit(f"bench_timescale: {told['error']}")
        yield told["dsn"]


def emptied(connection: psycopg.Connection) -> None:
    """Begin every measurement alike: no rows, no backlog of dirty pages."""
    connection.execute("TRUNCATE bars_1m")
    connection.execute("CHECKPOINT")


def timed(work: Callable[[], object]) -> float:
    """Wall time in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def psql_copy(dsn: str, file: Path, form: str, *, out: bool = False) -> None:
    """What psql itself does with a file of the rows, in or out: one COPY, one commit."""
    names = sql.SQL(", ").join(map(sql.Identifier, copy_columns(TABLE))).as_string()
    way = f"(SELECT {names} FROM bars_1m) TO" if out else f"bars_1m ({names}) FROM"  # noqa: S608 - our own names
    command = f"\\copy {way} '{file}' (FORMAT {form})"
    subprocess.run(["psql", "--no-psqlrc", "--quiet", dsn, "--command", command], check=True)  # noqa: S607


def once(
    access: Access, connection: psycopg.Connection, bars: pl.DataFrame, files: dict[str, Path]
) -> dict[str, float]:
    """Seconds of every way, each on an empty table where it matters."""
    seconds = {}
    for form, file in files.items():
        emptied(connection)
        seconds[f"psql {form}"] = timed(lambda file=file, form=form: psql_copy(access.conninfo, file, form))  # type: ignore[misc]
    with pool(access) as connections:
        emptied(connection)
        seconds["load"] = timed(lambda: load(connections, "bars_1m", bars))
        seconds["replay"] = timed(lambda: load(connections, "bars_1m", bars))
        seconds["read"] = timed(lambda: read(connection, "bars_1m"))
        seconds["psql out"] = timed(lambda: psql_copy(access.conninfo, Path(os.devnull), "binary", out=True))
        emptied(connection)
        load(connections, "bars_1m", bars[::2])
        seconds["upsert"] = timed(lambda: load(connections, "bars_1m", bars))
    return seconds


def long_load(dsn: str) -> dict[str, Any]:
    """Ten million rows from an iterator, in a process of its own: rows a second and the client's memory."""
    command = [sys.executable, __file__, "long", dsn]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_long(dsn: str) -> None:
    """What `long_load` runs."""
    with pool(Access(dsn, shown(dsn))) as connections:
        before = peak_mb()
        frames = (minute_bars(LONG_EACH, LONG_EACH * number) for number in range(LONG_FRAMES))
        report = load(connections, "bars_1m", frames)
    print(json.dumps({"rows": report.rows, "seconds": report.seconds, "peak_mb": peak_mb(), "before": before}))


def peak_mb() -> float:
    """The largest resident memory of this process since it was started, in MB; getrusage would count its parent's."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Take and print the figures."""
    bars = minute_bars(ROWS_PER_SYMBOL)
    with server() as dsn, tempfile.TemporaryDirectory() as folder, connect(Access(dsn, shown(dsn))) as connection:
        access = Access(dsn, shown(dsn))
        edition = migrate(connection).edition
        connection.execute("CREATE EXTENSION IF NOT EXISTS pgstattuple")
        put_instruments(connection, [Instrument(symbol) for symbol in SYMBOLS])
        files = {"binary": Path(folder) / "bars.bin", "csv": Path(folder) / "bars.csv"}
        files["binary"].write_bytes(HEADER + encoded(bars, TABLE) + TRAILER)
        bars.select(copy_columns(TABLE)).write_csv(
            files["csv"], include_header=False, datetime_format="%Y-%m-%d %H:%M:%S+00"
        )
        rounds = [once(access, connection, bars, files) for _ in range(ROUNDS)]
        emptied(connection)
        with pool(access) as connections:
            load(connections, "bars_1m", bars)
            load(connections, "bars_1m", bars)
        row = connection.execute(DEAD).fetchone()
        emptied(connection)
        long = long_load(dsn)
    best = {name: min(one[name] for one in rounds) for name in rounds[0]}

    def ratio(name: str, other: str) -> float:
        return statistics.median(one[other] / one[name] for one in rounds)

    emit(
        "timescale_1000000_minute_bars",
        rows=bars.height,
        load_rows_per_second=bars.height / best["load"],
        psql_binary_rows_per_second=bars.height / best["psql binary"],
        psql_csv_rows_per_second=bars.height / best["psql csv"],
        load_ratio_to_psql_binary=ratio("load", "psql binary"),
        load_ratio_to_psql_csv=ratio("load", "psql csv"),
        upsert_ratio_to_psql_binary=ratio("upsert", "psql binary"),
        replay_ratio_to_psql_binary=ratio("replay", "psql binary"),
        upsert_rows_per_second_half_of_them_there=bars.height / best["upsert"],
        replay_rows_per_second=bars.height / best["replay"],
        replay_dead_tuples=row[0] if row else None,
        read_rows_per_second=bars.height / best["read"],
        read_ratio_to_psql_binary_out=ratio("read", "psql out"),
        long_load_rows=long["rows"],
        long_load_rows_per_second=long["rows"] / long["seconds"],
        long_load_peak_rss_mb=long["peak_mb"],
        long_load_rss_mb_before_the_first_row=long["before"],
        includes="every row checked, sorted order verified, commits of 250,000 rows flushed to the device",
        does_not_show="a network: client and server share this machine's cores; rates are the best of "
        f"{ROUNDS} rounds, ratios the median of those taken in turn",
        server=f"PostgreSQL {edition.postgres.split()[0]}, TimescaleDB {edition.version}, {edition.name} edition",
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["long"]:
        run_long(sys.argv[2])
    else:
        main()
