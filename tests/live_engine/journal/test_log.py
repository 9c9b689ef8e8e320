"""The write-ahead log: flushed at each commit, and copied into the file when that holds up nobody."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

from live_engine.journal.writer import Bounds, Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.events import CancelRequested

    Cancel = Callable[[int], CancelRequested]


def test_a_commit_waits_for_the_device_and_never_for_a_checkpoint(journal: Journal) -> None:
    def settings(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "wal_autocheckpoint")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    full = 2
    assert journal.run(settings).result() == ["wal", full, 0]


def test_the_log_is_copied_into_the_file_and_begun_anew(path: Path, cancel: Cancel) -> None:
    log = path.with_name("live.sqlite-wal")
    with Journal(path, bounds=Bounds(log_bytes=500_000)) as journal:
        for number in range(1_000):
            journal.append([cancel(number)]).result()
        assert log.stat().st_size < 1_000_000  # about 9 MB without
        assert path.stat().st_size > 100_000


def test_a_reader_that_holds_the_log_stops_nothing_and_the_log_is_begun_anew_after_it(
    path: Path, cancel: Cancel
) -> None:
    log = path.with_name("live.sqlite-wal")
    with Journal(path, bounds=Bounds(log_bytes=100_000)) as journal:
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            journal.append([cancel(0)]).result()
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM events").fetchone() == (1,)
            for number in range(200):
                journal.append([cancel(number)]).result()
            held = log.stat().st_size
            assert held > 1_000_000
            assert reader.execute("SELECT count(*) FROM events").fetchone() == (1,)
        for number in range(400):
            journal.append([cancel(number)]).result()
        assert log.stat().st_size < held + 300_000
        assert journal.commit_ns > 0


def test_a_quiet_moment_is_used_to_copy_the_log(path: Path, cancel: Cancel) -> None:
    with Journal(path, bounds=Bounds(idle_s=0.01, idle_log_bytes=0)) as journal:
        empty = path.stat().st_size
        journal.append([cancel(number) for number in range(1_000)]).result()
        for _ in range(500):
            if path.stat().st_size > empty:
                break
            threading.Event().wait(0.01)
        assert path.stat().st_size > empty
        assert journal.failed is None
