"""Files that cannot be read or written: one clear error each, and nothing that was there is lost."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import (
    EventRefusedError,
    JournalDamagedError,
    JournalError,
    JournalLockedError,
    JournalMissingError,
    JournalNewerError,
    JournalWriteError,
)
from live_engine.journal import connection, consumers, schema
from live_engine.journal.reader import JournalReader
from live_engine.journal.verify import verify
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from live_engine.events import CancelRequested

    Cancel = Callable[[int], CancelRequested]


@pytest.fixture
def filled(path: Path, cancel: Cancel) -> Path:
    """A closed journal of 1,000 events."""
    with Journal(path) as journal:
        journal.append([cancel(number) for number in range(1_000)]).result()
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()


def rewrite(path: Path, seq: int, body: bytes) -> None:
    """Put another body under a seq, with the checksum that belongs to it."""
    with closing(sqlite3.connect(path)) as database:
        values = (body.decode(), schema.checksum(seq, body), seq)
        database.execute("UPDATE events SET body = ?, crc = ? WHERE seq = ?", values)
        database.commit()


def opens(path: Path, program: type[JournalReader | Journal]) -> None:
    with program(path):
        pass


def test_two_engines_on_one_journal_are_refused(path: Path, journal: Journal, cancel: Cancel) -> None:
    with pytest.raises(JournalLockedError, match=r"process [0-9]+ writes this journal") as caught:
        Journal(path)
    assert caught.value.where == str(path)
    assert journal.append([cancel(1)]).result()[0].seq == 1


def test_an_engine_of_another_process_is_refused_too(path: Path, journal: Journal) -> None:
    script = f"from pathlib import Path\nfrom live_engine.journal.writer import Journal\nJournal(Path({str(path)!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"JournalLockedError: {path}: process" in done.stderr
    assert journal.failed is None


def test_a_link_to_the_journal_is_the_same_journal(path: Path, tmp_path: Path, journal: Journal) -> None:
    (tmp_path / "folder").symlink_to(path.parent)
    (tmp_path / "file").symlink_to(path)
    for link in (tmp_path / "folder" / path.name, tmp_path / "file"):
        with pytest.raises(JournalLockedError):
            Journal(link)
    assert journal.failed is None


def test_the_lock_is_free_after_the_end(path: Path) -> None:
    Journal(path).close()
    Journal(path).close()


def test_a_missing_journal_is_named_and_not_made(path: Path) -> None:
    with pytest.raises(JournalMissingError, match="there is no journal"):
        JournalReader(path)
    with pytest.raises(JournalMissingError):
        consumers.move(path, "ledger", 0, now_ns=1)
    assert not path.exists()


@pytest.mark.parametrize("program", [JournalReader, Journal])
def test_a_newer_schema_is_refused(filled: Path, program: type[JournalReader | Journal]) -> None:
    change(filled, "PRAGMA user_version = 99")
    before = filled.read_bytes()
    with pytest.raises(JournalNewerError, match="version 99, this program knows"):
        opens(filled, program)
    assert filled.read_bytes() == before


@pytest.mark.parametrize("program", [JournalReader, Journal])
def test_another_programs_database_is_left_alone(path: Path, program: type[JournalReader | Journal]) -> None:
    path.parent.mkdir()
    change(path, "CREATE TABLE places (name TEXT)")
    with pytest.raises(JournalDamagedError, match="no journal"):
        opens(path, program)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT name FROM sqlite_schema").fetchall() == [("places",)]


@pytest.mark.parametrize("program", [JournalReader, Journal])
def test_a_file_of_other_bytes_is_damaged(path: Path, program: type[JournalReader | Journal]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 1_000)
    with pytest.raises(JournalDamagedError):
        opens(path, program)
    assert path.read_bytes() == b"no database at all" * 1_000


def test_an_empty_file_is_no_journal_to_read_and_a_new_one_to_write(path: Path, cancel: Cancel) -> None:
    path.parent.mkdir()
    path.touch()
    with pytest.raises(JournalMissingError, match="being made"):
        JournalReader(path)
    with Journal(path) as journal:
        assert journal.append([cancel(1)]).result()[0].seq == 1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_damaged(filled: Path, share: float) -> None:
    with filled.open("r+b") as file:
        file.truncate(int(filled.stat().st_size * share))
    with pytest.raises(JournalDamagedError):
        verify(filled)


def test_every_page_that_is_spoilt_is_noticed(filled: Path, tmp_path: Path) -> None:
    whole = filled.read_bytes()
    page = 4_096
    for number in range(len(whole) // page):
        copy = tmp_path / "copy.sqlite"
        copy.write_bytes(whole[: number * page] + b"\xff" * page + whole[(number + 1) * page :])
        try:
            problems: tuple[str, ...] = verify(copy).problems
        except JournalError as error:
            problems = (str(error),)
        assert problems, f"page {number + 1}"
        assert all(problems)


def test_a_spoilt_page_stops_a_reader_with_one_line(filled: Path) -> None:
    data = bytearray(filled.read_bytes())
    middle = len(data) // 2 // 4_096 * 4_096
    data[middle : middle + 4_096] = b"\0" * 4_096
    filled.write_bytes(data)
    with JournalReader(filled) as reader, pytest.raises(JournalDamagedError, match="verify") as caught:
        list(reader.since(0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM events WHERE seq = 500", "event 500 is missing"),
        ("UPDATE events SET body = replace(body, 'a test', 'a best') WHERE seq = 500", "event 500: its body is not"),
        ("INSERT INTO consumers VALUES ('ledger', 1001, 0)", "consumer 'ledger' has read up to 1001, the last event"),
        ("INSERT INTO snapshots VALUES (1001, x'00')", "the newest snapshot is of event 1001"),
        ("DELETE FROM events WHERE seq < 10", "no snapshot holds what came before"),
    ],
)
def test_verifying_names_what_is_wrong(filled: Path, statement: str, told: str) -> None:
    assert verify(filled).problems == ()
    change(filled, statement)
    (problem,) = verify(filled).problems
    assert told in problem


@pytest.mark.parametrize(
    ("body", "error", "told"),
    [
        (b"x", JournalDamagedError, "event 500: cannot be read"),
        (b"{}", JournalDamagedError, "event 500: cannot be read"),
        (b'{"type":"CancelRejected"}', JournalDamagedError, "event 500: cannot be read"),
        (b'{"type":"Later"}', JournalNewerError, "'Later' is no event that this program knows"),
        (b'{"type":"EngineStopped","v":2,"reason":""}', JournalNewerError, "version 2 of EngineStopped is newer"),
    ],
)
def test_a_body_that_this_program_cannot_read_is_told_apart_from_damage(
    filled: Path, body: bytes, error: type[JournalError], told: str
) -> None:
    rewrite(filled, 500, body)
    with JournalReader(filled) as reader:
        assert len(reader.after(0, 499)) == 499
        with pytest.raises(error, match=told):
            reader.after(499)
    (problem,) = verify(filled).problems
    assert told in problem


def test_another_program_that_holds_the_file_is_waited_for_and_then_named(
    path: Path, cancel: Cancel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    with Journal(path) as journal, closing(sqlite3.connect(path, isolation_level=None)) as other:
        journal.append([cancel(1)]).result()
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalLockedError, match="held by another program"):
            journal.append([cancel(2)]).result()
        assert isinstance(journal.failed, JournalLockedError)
        with pytest.raises(JournalLockedError):
            journal.append([cancel(3)])
        with JournalReader(path) as reader:
            assert reader.last_seq() == 1


def test_a_full_disk_stops_the_writer_and_loses_nothing_that_was_acknowledged(
    small_disk: Path, tmp_path: Path, cancel: Cancel
) -> None:
    path = small_disk / "live.sqlite"
    acknowledged = 0
    with Journal(path) as journal:
        with pytest.raises(JournalWriteError, match="device failed"):  # noqa: PT012 - until it is full
            while True:
                acknowledged = journal.append([cancel(number) for number in range(50)]).result()[-1].seq
        assert isinstance(journal.failed, JournalWriteError)
        with pytest.raises(JournalWriteError):
            journal.append([cancel(1)])
        with pytest.raises(JournalWriteError):
            journal.run(lambda _: None)
    roomy = tmp_path / "roomy"
    shutil.copytree(small_disk, roomy)
    with Journal(roomy / "live.sqlite") as journal:
        assert journal.last_seq >= acknowledged > 0
        journal.append([cancel(1)]).result()
    assert verify(roomy / "live.sqlite").problems == ()


def test_a_read_only_device_is_refused_by_the_writer_and_read_by_readers(small_disk: Path, cancel: Cancel) -> None:
    path = small_disk / "live.sqlite"
    with Journal(path) as journal:
        journal.append([cancel(1)]).result()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(JournalWriteError, match="Read-only") as caught:
        Journal(path)
    assert caught.value.where == str(path)
    with JournalReader(path) as reader:
        assert reader.last_seq() == 1


def test_a_file_that_turns_read_only_stops_the_writer(path: Path, cancel: Cancel) -> None:
    with Journal(path) as journal:
        journal.append([cancel(1)]).result()
        journal.run(lambda database: database.execute("PRAGMA query_only = ON")).result()
        with pytest.raises(JournalWriteError, match="readonly"):
            journal.append([cancel(2)]).result()
    assert verify(path).events == 1


def test_a_consumer_cannot_claim_what_is_not_there(filled: Path) -> None:
    consumers.move(filled, "ledger", 700, now_ns=1)
    consumers.move(filled, "ledger", 600, now_ns=2)
    with JournalReader(filled) as reader:
        assert reader.consumers() == {"ledger": 700}
    with pytest.raises(EventRefusedError, match="beyond the last one, 1000"):
        consumers.move(filled, "ledger", 1_001, now_ns=3)
