"""The tables are the fold of the journal, whoever repeats what, and are refused when they belong to another one."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import psycopg
import pytest

from live_engine.events import AccountMarked
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from pi5_pipelines.timescale.migrations import migrate
from tests.live_engine.projection.projected import Expected, found, offset
from tests.live_engine.projection.running import project_all, refused
from tests.live_engine.projection.sessions import write

if TYPE_CHECKING:
    from pathlib import Path

MARK = AccountMarked(cash="1", equity="2", day="2023-11-15")  # type: ignore[arg-type]
VERSIONS = "SELECT sum(xmin::text::bigint) FROM (SELECT xmin FROM live_orders UNION ALL SELECT xmin FROM live_trades) t"


def epoch(path: Path) -> str:
    with JournalReader(path) as reader:
        return reader.epoch()


def test_the_tables_hold_the_fold_of_the_journal(any_dsn: str, path: Path) -> None:
    written, expected = write(path, seed=1, bars=100), Expected()
    expected.take(written)
    with psycopg.connect(any_dsn, autocommit=True) as connection:
        migrate(connection)
        one = project_all(path, any_dsn)
        content = found(connection, epoch(path))
        assert content == expected.content()
        assert (offset(connection), one.projected_seq, one.lag_events) == (len(written), len(written), 0)
        assert one.last_error == ""
    orders = [row[-1] for row in content["live_orders"]]
    assert any(order.late for order in orders)
    assert any(order.disputed for order in orders)
    assert any(order.replaced_by and order.filled for order in orders)
    assert any(order.carried for order in orders)
    assert {order.status for order in orders} > {"Filled", "Canceled", "Replaced", "PartiallyFilled", "Unknown"}


def test_a_journal_that_was_projected_is_not_written_again(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    write(path, seed=2, bars=40)
    project_all(path, migrated_dsn)
    before = connection.execute(VERSIONS).fetchone()
    project_all(path, migrated_dsn)
    assert connection.execute(VERSIONS).fetchone() == before


@pytest.mark.parametrize(
    "change", ["UPDATE live_offsets SET seq = seq / 2", "UPDATE live_offsets SET seq = 0", "TRUNCATE live_offsets"]
)
def test_an_offset_set_back_or_taken_away_changes_no_row(
    connection: psycopg.Connection, migrated_dsn: str, path: Path, change: str
) -> None:
    written, expected = write(path, seed=3, bars=40), Expected()
    project_all(path, migrated_dsn)
    before = connection.execute(VERSIONS).fetchone()
    connection.execute(change.encode())
    project_all(path, migrated_dsn)
    expected.take(written)
    assert found(connection, epoch(path)) == expected.content()
    assert connection.execute(VERSIONS).fetchone() == before
    assert offset(connection) == len(written)


def test_a_journal_that_is_forgotten_is_projected_anew(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    expected = Expected()
    expected.take(write(path, seed=4, bars=30))
    project_all(path, migrated_dsn)
    connection.execute("TRUNCATE live_trades")
    connection.execute("SELECT live_forget(%s)", (epoch(path),))
    project_all(path, migrated_dsn)
    assert found(connection, epoch(path)) == expected.content()


def test_two_journals_of_the_same_names_lie_side_by_side(
    connection: psycopg.Connection, migrated_dsn: str, tmp_path: Path
) -> None:
    for seed in (5, 6):
        path, expected = tmp_path / str(seed) / "live.sqlite", Expected()
        expected.take(write(path, seed=seed, bars=30))
        project_all(path, migrated_dsn)
        assert found(connection, epoch(path)) == expected.content()
    assert connection.execute("SELECT count(*) FROM live_offsets").fetchone() == (2,)


def test_an_older_copy_of_the_journal_is_noticed_at_once_and_when_it_has_gone_on(
    connection: psycopg.Connection, migrated_dsn: str, path: Path, tmp_path: Path
) -> None:
    written = write(path, seed=7, bars=20)
    older = tmp_path / "older.sqlite"
    shutil.copy(path, older)
    with Journal(path, wall_ns=lambda: 1) as journal:
        journal.append([MARK] * 3).result()
    project_all(path, migrated_dsn)
    shutil.copy(older, path)
    assert f"ends at event {len(written)}, but events up to {len(written) + 3}" in refused(path, migrated_dsn)
    with Journal(path, wall_ns=lambda: 2) as journal:
        journal.append([MARK] * 5).result()
    told = refused(path, migrated_dsn)
    assert f"its event {len(written) + 3} is not the one that was projected" in told
    assert "\n" not in told
    assert f"SELECT live_forget('{epoch(path)}')" in told
    assert offset(connection) == len(written) + 3


def test_events_that_were_removed_before_they_were_projected_are_told_and_not_skipped(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    written = write(path, seed=8, bars=10)
    project_all(path, migrated_dsn)
    with Journal(path) as journal:
        journal.append([MARK] * 9).result()
        journal.run(lambda file: file.execute("DELETE FROM events WHERE seq <= ?", (len(written) + 4,))).result()
    told = refused(path, migrated_dsn)
    assert f"events {len(written) + 1} to {len(written) + 4} were removed before they were projected" in told
    connection.execute("SELECT live_forget(%s)", (epoch(path),))
    project_all(path, migrated_dsn)
    assert connection.execute("SELECT first_seq, seq FROM live_offsets").fetchone() == (
        len(written) + 5, len(written) + 9
    )  # fmt: skip


def test_rows_that_were_folded_by_other_rules_are_not_gone_on_from(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    write(path, seed=9, bars=5)
    project_all(path, migrated_dsn)
    connection.execute("UPDATE live_offsets SET rules = 0")
    assert "folded by other rules" in refused(path, migrated_dsn)
