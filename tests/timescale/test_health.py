"""What the looks at a server find, on real ones that were made unwell, and how far ahead a full disk is told."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.settings import Settings, TimescaleSettings
from pi5_pipelines.timescale import disk, health
from pi5_pipelines.timescale.compression import Saving
from pi5_pipelines.timescale.disk import Measured, projection
from pi5_pipelines.timescale.load import load
from pi5_pipelines.timescale.replica import Lag, Slot
from tests.timescale.market import minute_bars

if TYPE_CHECKING:
    from pathlib import Path

    from tests.timescale.market import Hot

DAY = date(2026, 3, 1)
MB = 1_000_000


def test_a_new_server_is_well(any_hot: Hot) -> None:
    settings = TimescaleSettings(dsn=any_hot.access.conninfo)
    any_hot.pool.close()
    found = health.examine(settings, DAY)
    assert {name: one.sentence for name, one in found.items() if not one.good} == {}
    assert set(found) == {"chunks", "dead_rows", "indexes", "slow_queries", "room", "connections", "replication"}


def test_chunks_are_counted_by_table_and_too_many_to_dump_are_told(hot: Hot, monkeypatch: pytest.MonkeyPatch) -> None:
    load(hot.pool, "bars_1m", minute_bars(15 * 1_440, ("AAPL",)))
    found = health.chunks(hot.connection)
    assert (found.good, found.figures["chunks bars_1m"]) == (True, 3)
    monkeypatch.setattr(health, "LOCKS_USED", 0.001)
    assert "max_locks_per_transaction" in health.chunks(hot.connection).sentence


def test_dead_rows_that_vacuum_left_are_told_by_table(hot: Hot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "DEAD_ROWS", 100)
    load(hot.pool, "bars_1m", minute_bars(1_000, ("AAPL",)))
    assert health.dead_rows(hot.connection).good
    hot.connection.execute("UPDATE bars_1m SET volume = volume + 1")
    hot.connection.execute("SELECT pg_stat_force_next_flush()")
    found = health.dead_rows(hot.connection)
    assert not found.good
    assert "bars_1m (1,000 dead rows)" in found.sentence
    assert found.figures["dead_bytes"] > 0
    hot.connection.execute("VACUUM bars_1m")
    assert health.dead_rows(hot.connection).good


def test_a_dropped_index_and_one_that_is_broken_are_told(hot: Hot) -> None:
    assert health.indexes(hot.connection).good
    hot.connection.execute("DROP INDEX live_orders_by_status")
    found = health.indexes(hot.connection)
    assert (found.good, found.figures["missing"]) == (False, 1)
    assert "live_orders_by_status missing" in found.sentence
    hot.connection.execute(
        "INSERT INTO disk_history VALUES (now(), 1, 1, 1, true), (now() - INTERVAL '1 day', 1, 1, 1, true)"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        hot.connection.execute("CREATE UNIQUE INDEX CONCURRENTLY free_once ON disk_history (free_bytes)")
    assert "free_once broken" in health.indexes(hot.connection).sentence


def test_a_table_that_is_read_whole_and_an_index_that_nobody_uses_are_told(
    hot: Hot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "SCANS", 5)
    monkeypatch.setattr(health, "ROWS_A_SCAN", 50)
    monkeypatch.setattr(health, "UNUSED_BYTES", 1)
    monkeypatch.setattr(health, "UNUSED_DAYS", 0)
    hot.connection.execute(
        "INSERT INTO disk_history SELECT now()::date + n, 1, n, 1, true FROM generate_series(1, 100) AS n"
    )
    hot.connection.execute("CREATE INDEX history_by_free ON disk_history (free_bytes)")
    for _ in range(6):
        hot.connection.execute("SELECT count(*) FROM disk_history WHERE lake_bytes > 5").fetchall()
    hot.connection.execute("SELECT pg_stat_force_next_flush()")
    found = health.indexes(hot.connection)
    assert "disk_history read whole" in found.sentence
    assert "disk_history history_by_free never used" in found.sentence


def test_slow_queries_are_told_where_they_are_counted_and_how_to_count_them_elsewhere(hot: Hot) -> None:
    assert "pi5 db tune --apply" in health.slow_queries(hot.connection).sentence


def test_an_open_transaction_and_taken_connections_are_told(hot: Hot, monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.connections(hot.connection).good
    monkeypatch.setattr(health, "IDLE_MINUTES", -1)
    with psycopg.connect(hot.access.conninfo) as other:
        other.execute("SELECT 1")
        assert "a transaction has been idle" in health.connections(hot.connection).sentence
    monkeypatch.setattr(health, "CONNECTIONS_USED", 0.0)
    assert "connections are taken" in health.connections(hot.connection).sentence


def test_sizes_are_noted_once_a_day_and_the_history_is_told(hot: Hot, tmp_path: Path) -> None:
    settings = Settings(home=str(tmp_path), timescale=TimescaleSettings(dsn=hot.access.conninfo))
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "file").write_bytes(bytes(5_000))
    for day in (1, 2, 2, 3):
        made = disk.measure(hot.connection, settings, datetime(2026, 3, day, tzinfo=UTC))
    assert (made.lake_bytes, made.same_disk or made.free_bytes is not None) == (5_000, True)
    assert made.database_bytes > MB
    assert [one.day.day for one in disk.history(hot.connection, date(2026, 3, 3))] == [1, 2, 3]
    assert health.room(hot.connection, date(2026, 3, 3)).figures["database_bytes"] == made.database_bytes
    hot.connection.execute(
        "UPDATE disk_history SET database_bytes = extract(day FROM day) * 100000000, free_bytes = 8300000000"
    )
    found = health.room(hot.connection, date(2026, 3, 3))
    assert (found.good, round(found.figures["days_left"])) == (True, 83)
    assert found.sentence.startswith("full in 83 days: ")
    hot.connection.execute("UPDATE disk_history SET free_bytes = 1000000000")
    assert not health.room(hot.connection, date(2026, 3, 3)).good


def days(*used: int, free: int | None = 1_000 * MB, lake: int = 0, same: bool = True) -> list[Measured]:
    return [Measured(DAY + timedelta(days=n), one, lake * n, free, same) for n, one in enumerate(used)]


def test_a_disk_that_fills_evenly_is_full_when_what_is_free_is_used_up() -> None:
    assert projection(days(100 * MB, 110 * MB, 120 * MB)).days_left == pytest.approx(100)
    assert projection(days(100 * MB, 110 * MB, 120 * MB, lake=10 * MB)).days_left == pytest.approx(50)
    assert projection(days(100 * MB, 110 * MB, 120 * MB, lake=10 * MB, same=False)).days_left == pytest.approx(100)


def test_no_end_is_told_where_there_is_none_or_too_little_is_known() -> None:
    assert projection(days(100 * MB, 110 * MB)) == projection([])
    assert projection(days(120 * MB, 110 * MB, 100 * MB)).days_left is None
    assert projection(days(100 * MB, 110 * MB, 120 * MB, free=None)).days_left is None


@given(st.lists(st.integers(0, 10**12), min_size=3, max_size=60), st.integers(1, 10**12))
def test_growth_is_the_slope_whatever_was_there_before(used: list[int], more: int) -> None:
    one, other = projection(days(*used)), projection(days(*(size + more for size in used)))
    assert one.bytes_a_day == pytest.approx(other.bytes_a_day, rel=1e-6, abs=1)


def test_savings_are_judged_once_there_is_enough_to_judge() -> None:
    assert health.savings([]).good
    small = Saving("ticks", "compressed", 20, 20 * MB, 10 * MB)
    assert health.savings([small]).good
    good = Saving("bars_1m", "compressed", 3, 100 * MB, 9 * MB)
    bad = Saving("bars_5m", "lake", 3, 100 * MB, 11 * MB)
    found = health.savings([small, good, bad])
    assert not found.good
    assert found.sentence.startswith("too little saved: bars_5m 89.0 %; a price_scale no finer")
    assert found.figures["saved_pct bars_1m"] == pytest.approx(91)


@pytest.mark.parametrize(
    ("slot", "told"),
    [
        (Slot("pi2", active=True, wal_status="reserved", kept_bytes=5), ""),
        (Slot("pi2", active=False, wal_status="extended", kept_bytes=5_000), "5,000 bytes are kept"),
        (Slot("pi2", active=False, wal_status="lost", kept_bytes=0), "pg_basebackup"),
    ],
)
def test_a_slot_says_what_is_wrong_with_it(slot: Slot, told: str) -> None:
    assert told in slot.trouble
    assert bool(told) == bool(slot.trouble)


def test_a_lag_is_told_in_words() -> None:
    assert Lag(replica=False, streaming=False, seconds=0, bytes=None).sentence == "this is the primary"
    assert "unknown" in Lag(replica=True, streaming=False, seconds=None, bytes=None).sentence
