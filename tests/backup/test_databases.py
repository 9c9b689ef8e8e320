"""SQLite files that others are writing come back consistent; damaged ones stop the backup."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backup import backup_folder, create, manifests, restore, snapshot, verify
from pi5_pipelines.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pi5_pipelines.settings import Settings

# The sum over both accounts is 1,000 after every transaction, and the transfers add up to what moved.
WRITER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
step = 0
while True:
    step += 1
    database.execute("BEGIN IMMEDIATE")
    database.execute("UPDATE a SET money = money - ?", (step % 7,))
    database.execute("INSERT INTO transfers (amount, pad) VALUES (?, zeroblob(2000))", (step % 7,))
    database.execute("UPDATE b SET money = money + ?", (step % 7,))
    database.execute("COMMIT")
    time.sleep(0.002)
    if step == 20:
        print("writing", flush=True)
"""


@pytest.fixture(params=["WAL", "DELETE"])
def written(request: pytest.FixtureRequest, bare: Settings) -> Iterator[Path]:
    """A database in the journal that another process writes all the time."""
    path = bare.folder("journal") / "money.db"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA journal_mode={request.param}")
        database.executescript(
            "PRAGMA synchronous=OFF;"
            "CREATE TABLE a (money INTEGER); INSERT INTO a VALUES (1000);"
            "CREATE TABLE b (money INTEGER); INSERT INTO b VALUES (0);"
            "CREATE TABLE transfers (amount INTEGER, pad BLOB);"
        )
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"writing\n"
        yield path
        assert writer.poll() is None, "the writer died: the test showed nothing"
    finally:
        writer.kill()
        writer.communicate()


def state(path: Path) -> tuple[int, int, int]:
    with closing(sqlite3.connect(path)) as database:
        (a,), (b,) = (
            database.execute("SELECT money FROM a").fetchone(),
            database.execute("SELECT money FROM b").fetchone(),
        )
        (moved,) = database.execute("SELECT sum(amount) FROM transfers").fetchone()
    return a, b, moved


@pytest.mark.usefixtures("written")
def test_a_database_under_constant_writing_is_restored_between_two_transactions(bare: Settings, tmp_path: Path) -> None:
    seen = set()
    for step in range(5):
        made = create(bare)
        restore(bare, made.id, tmp_path / str(step))
        a, b, moved = state(tmp_path / str(step) / "journal" / "money.db")
        assert a + b == 1000
        assert b == moved
        seen.add(moved)
    assert len(seen) > 1, "nothing was written while the backups were made"


def test_a_damaged_database_stops_the_backup_with_one_error(settings: Settings) -> None:
    before = create(settings)
    path = settings.folder("journal") / "orders.sqlite"
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(BackupError, match="SQLite") as caught:
        create(settings)
    assert caught.value.where == str(path)
    assert [one.id for one in manifests(backup_folder(settings))] == [before.id]
    verify(settings, before.id, full=True)


def test_a_file_that_is_no_database_stops_the_backup(bare: Settings) -> None:
    (bare.home_path / "exports" / "ledger.db").write_text("not a database at all, by its first bytes")
    with pytest.raises(BackupError, match="file is not a database"):
        create(bare)


def test_a_database_that_stays_locked_stops_the_backup_in_time(bare: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "BUSY_S", 0.2)
    path = bare.home_path / "exports" / "locked.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("CREATE TABLE t (x)")
        database.execute("BEGIN EXCLUSIVE")
        with pytest.raises(BackupError, match="locked"):
            create(bare)
    create(bare)
