"""The file that the live engine is fed from: what is in it, that it is the same again, and what a failure leaves."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_engine.streams import market_export
from live_engine.streams.market_export import last_bars, read_edition, read_export, read_instruments, read_sessions
from pi5_pipelines.backup import backup_folder, create, manifests
from pi5_pipelines.errors import ConfigError, DataRangeError, FeedError, LakeLockedError
from pi5_pipelines.feed import market_file, rows
from pi5_pipelines.feed.publish import inspect, publish
from pi5_pipelines.feed.rows import decimal_text
from pi5_pipelines.feed.series import Series
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import Settings
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Filled = Callable[..., tuple[Settings, Lake]]

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)


def all_rows(path: Path, table: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        return database.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - the test's own names


def test_the_engine_reads_what_the_lake_holds(filled: Filled) -> None:
    settings, lake = filled(A=5, B=3)
    report = publish(settings, lake, now=NOW)
    bars = list(read_export(report.path, ["A", "B"], "1d"))
    assert [bar.symbol for bar in bars] == ["A", "A", "A", "B", "A", "B", "A", "B"]
    first = bars[0]
    assert (first.open, first.high, first.low, first.close, first.volume) == (
        *(Decimal(text) for text in ("9.5", "11.25", "8", "10.0625")),
        Decimal(0),
    )
    assert first.ts_ns == int((NOW.replace(hour=0) - timedelta(days=5)).timestamp()) * 10**9
    assert [bar.close for bar in last_bars(report.path, "B", "1d", 2)] == [Decimal("11.0625"), Decimal("12.0625")]
    assert last_bars(report.path, "B", "1d", 0) == last_bars(report.path, "C", "1d", 5) == []
    assert read_instruments(report.path) == (settings.instrument("A"), settings.instrument("B"))
    edition = read_edition(report.path)
    assert (edition.content, edition.written_ns) == (report.written.content, int(NOW.timestamp()) * 10**9)
    assert edition.versions == {table: lake.version(table) for table in ("bars_1d", "instruments")}
    assert market_export.FORMAT == market_file.FORMAT


def test_sessions_of_the_past_year_and_the_next_month_are_told(filled: Filled) -> None:
    settings, lake = filled(A=2)
    path = publish(settings, lake, now=NOW).path
    sessions = read_sessions(path, "XNYS")
    at = {
        f"{datetime.fromtimestamp(one.opens_ns / 1e9, UTC):%Y-%m-%d %H:%M}": (one.closes_ns - one.opens_ns) / 3.6e12
        for one in sessions
    }
    assert at["2024-07-02 13:30"] == 6.5
    assert at["2024-07-03 13:30"] == 3.5  # the day before Independence Day
    assert at["2024-01-02 14:30"] == 6.5
    assert (min(at)[:10], max(at)[:10]) == ("2023-07-03", "2024-07-31")
    assert not [day for day in at if day.startswith("2024-07-04")]


def test_the_same_lake_makes_the_same_file_and_a_new_bar_another(filled: Filled) -> None:
    settings, lake = filled(A=5)
    first = publish(settings, lake, now=NOW)
    data = first.path.read_bytes()
    again = publish(settings, lake, now=NOW + timedelta(hours=5))
    assert again.path.read_bytes() == data
    filled(A=6)
    changed = publish(settings, lake, now=NOW + timedelta(hours=6))
    assert changed.written.content != first.written.content
    assert changed.written.written_ns == first.written.written_ns + 6 * 3_600 * 10**9
    assert changed.plan.versions["bars_1d"] == first.plan.versions["bars_1d"] + 1


def test_one_file_is_all_of_it(filled: Filled) -> None:
    settings, lake = filled(A=5)
    path = publish(settings, lake, now=NOW).path
    assert [one.name for one in path.parent.iterdir() if one.is_file()] == ["market.sqlite"]
    assert path.read_bytes()[18:20] == b"\x01\x01"  # no write-ahead log


@pytest.mark.parametrize("most", [1, 3, 500])
def test_a_long_history_is_read_in_parts_to_the_same_rows(
    most: int, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, lake = filled(A=2, B=900, C=2, D=1)
    whole = publish(settings, lake, now=NOW)
    monkeypatch.setattr(rows, "ROWS_AT_ONCE", most)
    monkeypatch.setattr(rows, "SLICE", 7)
    assert publish(settings, lake, now=NOW).written == whole.written
    symbols = [symbols for symbols, start, _ in rows.portions(whole.plan.spans) if start is None]
    assert all(len(one) <= most for one in symbols)


def test_only_what_is_configured_is_published_and_what_the_lake_lacks_is_named(filled: Filled) -> None:
    strategies = [{"name": "x", "symbol": symbol} for symbol in ("B", "B", "NONE")]
    hourly = {"name": "x", "symbol": "B", "timeframe": "1h", "params": {"fast": 3}}
    settings, lake = filled({"strategies": [*strategies, hourly]}, A=3, B=3)
    report = publish(settings, lake, now=NOW)
    assert {row[0] for row in all_rows(report.path, "bars")} == {"B"}
    assert report.plan.missing == (Series("B", "1h"), Series("NONE", "1d"))
    assert [one.symbol for one in read_instruments(report.path)] == ["A", "B"]
    assert inspect(settings, lake).problems == ()


def test_an_entry_without_a_symbol_is_one_clear_error(filled: Filled) -> None:
    settings, lake = filled({"strategies": [{"name": "sma_cross"}]}, A=3)
    with pytest.raises(ConfigError, match="missing required field `symbol`"):
        publish(settings, lake, now=NOW)


def test_an_empty_lake_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataRangeError, match="there is nothing to feed the live engine with"):
        publish(Settings(home=str(tmp_path)), Lake(tmp_path / "lake"), now=NOW)


@given(value=st.integers(-(2**63) + 1, 2**63 - 1), scale=st.integers(0, 12))
def test_a_text_is_exactly_the_stored_number(value: int, scale: int) -> None:
    frame = pl.DataFrame({"x": [value]}, schema={"x": pl.Int64})
    (text,) = frame.select(decimal_text("x", scale)).to_series()
    assert Decimal(text) == Instrument("A", Decimal(1), price_scale=scale).price(value)
    assert "." not in text or not text.endswith(("0", "."))


def test_what_the_engine_must_not_be_fed_is_found(filled: Filled) -> None:
    settings, lake = filled(A=5, B=3)
    (missing,) = inspect(settings, lake).problems
    assert "cannot be read" in missing
    path = publish(settings, lake, now=NOW).path
    assert inspect(settings, lake).problems == ()
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("DELETE FROM bars WHERE symbol = 'A' AND ts_us = (SELECT max(ts_us) FROM bars)")
    assert inspect(settings, lake).problems == ("A 1d: 4 bars, the lake has 5",)
    path.write_bytes(path.read_bytes()[:8_192])
    assert inspect(settings, lake).problems
    publish(settings, lake, now=NOW)
    assert inspect(settings, lake).problems == ()
    filled(A=6)
    assert inspect(settings, lake).problems == ("A 1d: 5 bars, the lake has 6",)


def small(count: int, kill_at: int = -1) -> dict[str, Iterator[list[tuple[Any, ...]]]]:
    def bars() -> Iterator[list[tuple[Any, ...]]]:
        for n in range(count):
            if n == kill_at:
                os.kill(os.getpid(), 9)
            yield [("A", "1d", n * 1_000 + i, *["123456.789"] * 5) for i in range(1_000)]

    return {table: iter(()) for table in market_file.TABLES} | {"bars": bars()}


def test_a_kill_half_way_leaves_the_file_before_and_stops_no_later_one(tmp_path: Path) -> None:
    path = tmp_path / "market.sqlite"
    market_file.write(path, small(2), {}, 5)
    data = path.read_bytes()
    script = (
        "import sys; sys.path.insert(0, 'tests/feed'); from pathlib import Path; import test_publish as test; "
        f"test.market_file.write(Path({str(path)!r}), test.small(9, kill_at=7), {{}}, 6)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=env, check=False)
    assert done.returncode == -9
    assert path.read_bytes() == data
    assert len(list(tmp_path.iterdir())) == 2  # it had begun
    market_file.write(path, small(3), {}, 7)
    assert [one.name for one in tmp_path.iterdir()] == ["market.sqlite"]
    assert len(all_rows(path, "bars")) == 3_000


def test_a_full_disk_leaves_the_file_before_and_nothing_else(small_disk: Path) -> None:
    path = small_disk / "market.sqlite"
    market_file.write(path, small(2), {}, 5)
    data = path.read_bytes()
    with pytest.raises(FeedError, match="full"):
        market_file.write(path, small(200), {}, 6)
    assert [one.name for one in small_disk.iterdir()] == ["market.sqlite"]
    assert path.read_bytes() == data


def test_two_writers_do_not_meet(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, lake = filled(A=2)
    monkeypatch.setattr(market_file, "LOCK_TIMEOUT_S", 0.05)
    path = publish(settings, lake, now=NOW).path
    with (
        market_file.alone(path),
        pytest.raises(LakeLockedError, match=f"{path}: process {os.getpid()}"),
    ):
        publish(settings, lake, now=NOW)


def test_a_backup_leaves_out_what_the_lake_makes_again(filled: Filled) -> None:
    settings, lake = filled(A=2)
    path = publish(settings, lake, now=NOW).path
    (path.parent / "mine.csv").write_text("kept")
    create(settings)
    (kept,) = manifests(backup_folder(settings))
    assert [entry.path for entry in kept.entries if entry.path.startswith("exports")] == ["exports/mine.csv"]
