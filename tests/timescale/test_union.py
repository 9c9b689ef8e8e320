"""Hot and cold are one to a reader: every key once, whatever lies where."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.cli.main import pi5
from pi5_pipelines.lake.query import Recent, connect
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import DuckDBSettings
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.tiering import tier
from pi5_pipelines.timescale.union import merged, union_rows
from tests.timescale.tiered import CHUNK, START, SYMBOLS, bars, migrated, put, ticks

if TYPE_CHECKING:
    from pathlib import Path

TABLE = TABLES["bars_1m"]
WATERMARK = START + timedelta(minutes=5)
moments = st.dictionaries(st.integers(0, 9), st.integers(1, 99), max_size=8)


def rows_of(values: dict[int, int]) -> pl.DataFrame:
    frame = bars(START, 10, step=timedelta(minutes=1), symbols=["A"])
    volumes = pl.Series("volume", [values.get(minute, 0) for minute in range(10)], dtype=pl.Int64)
    return frame.with_columns(volumes).filter(pl.col("volume") > 0)


@given(stored=moments, hot=moments, late=moments, at=st.sampled_from([None, 5]))
def test_a_late_row_comes_before_a_hot_one_and_that_before_the_lakes(
    stored: dict[int, int], hot: dict[int, int], late: dict[int, int], at: int | None
) -> None:
    limit = None if at is None else WATERMARK
    visible = {minute: value for minute, value in hot.items() if at is None or minute >= at}
    found = merged(TABLE, limit, rows_of(hot), rows_of(late), rows_of(stored))
    assert found.equals(rows_of({**stored, **visible, **late}))


def test_duckdb_shows_the_same(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "lake")
    stored, hot, late = {0: 1, 1: 1, 5: 1, 6: 1, 9: 1}, {5: 2, 7: 2, 8: 2}, {1: 3, 2: 3, 8: 3}
    lake.upsert("bars_1m", rows_of(stored))
    instrument = {"symbol": "A", "tick_size": "0.01", "price_scale": 4, "size_scale": 0, "lot": "1"}
    lake.upsert("instruments", pl.DataFrame([{**instrument, "currency": "USD", "calendar": "XNYS", "venue": "NYSE"}]))
    files = {}
    for name, rows in (("hot", hot), ("late", late)):
        files[name] = [tmp_path / f"{name}.parquet"]
        rows_of(rows).write_parquet(files[name][0])
    for limit in (None, WATERMARK):
        for late_files in ([], files["late"]):
            recent = {"bars_1m": Recent(limit, files["hot"], late_files)}
            with connect(lake, DuckDBSettings(), recent) as connection:
                found = connection.execute("SELECT minute(ts), volume FROM bars_1m ORDER BY ts").fetchall()
            expected = merged(TABLE, limit, rows_of(hot), rows_of(late if late_files else {}), rows_of(stored))
            assert found == [(ts.minute, volume) for ts, volume in expected.select("ts", "volume").iter_rows()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PI5_HOME", str(tmp_path))
    return tmp_path


def test_sql_sees_hot_cold_and_late_rows_as_one(
    any_migrated_dsn: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_TIMESCALE_DSN", any_migrated_dsn)
    lake = Lake(home / "lake")
    rows, trades = bars(START, 700), ticks(START, 100)
    late = bars(START + timedelta(seconds=1), 3, symbols=SYMBOLS[:1])
    with migrated(any_migrated_dsn) as connection:
        put(any_migrated_dsn, "bars_1m", rows)
        put(any_migrated_dsn, "ticks", trades)
        before = figures("SELECT count(*) AS n, sum((close * 10000)::BIGINT)::VARCHAR AS total FROM bars_1m")
        assert before["n"] == rows.height
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        assert figures("SELECT count(*) AS n, sum((close * 10000)::BIGINT)::VARCHAR AS total FROM bars_1m") == before
        put(any_migrated_dsn, "bars_1m", late)
        assert figures("SELECT count(*) AS n FROM bars_1m WHERE second(ts) = 1")["n"] == 3
        both = figures("SELECT (SELECT count(*) FROM bars_1m) AS bars, (SELECT max(price) FROM ticks) AS price")
        assert both == {"bars": rows.height + 3, "price": trades["price"].max() / 10_000}  # type: ignore[operator]
    assert not list((home / "lake" / ".duckdb").glob("hot-*"))


def test_a_server_that_is_down_is_told_and_disturbs_only_queries_of_its_tables(
    home: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_TIMESCALE_DSN", f"postgresql://nobody@127.0.0.1:{free_port}/pi5")
    assert home
    assert figures("SELECT 1 AS one") == {"one": 1}
    result = CliRunner().invoke(pi5, ["data", "sql", "FROM bars_1m"])
    assert result.exit_code == 1
    assert "connection refused" in result.output.lower()


def test_a_part_of_the_union_is_read_by_symbol_and_time(migrated_dsn: str, tmp_path: Path) -> None:
    lake = Lake(tmp_path)
    rows = bars(START, 700)
    with migrated(migrated_dsn) as connection:
        put(migrated_dsn, "bars_1m", rows)
        tier(connection, lake, "bars_1m", before=START + CHUNK)
        low, high = datetime(2024, 1, 10, tzinfo=UTC), datetime(2024, 1, 12, 6, tzinfo=UTC)
        part = union_rows(connection, lake, "bars_1m", symbols=["C", "nobody"], start=low, end=high)
    wanted = (pl.col("symbol") == "C") & (pl.col("ts") >= low) & (pl.col("ts") < high)
    assert part.equals(rows.filter(wanted))
    assert part.height > 0


def figures(query: str) -> dict[str, Any]:
    """The one row that `pi5 data sql` answers."""
    result = CliRunner().invoke(pi5, ["data", "sql", query, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)["rows"]
    return dict(row)
