"""Old days leave the engine's journal once a good backup holds them and the ledger, and come back out of one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import pytest

from live_engine.housekeeping import House, Tidied, tidy
from live_engine.journal import consumers, snapshot
from live_engine.journal.reader import JournalReader
from live_engine.journal.retention import BACKUP
from live_engine.journal.writer import Journal
from pi5_pipelines.backup import backup_folder, create, keep_place, manifests, outcome, restore, verify
from pi5_pipelines.errors import BackupError
from pi5_pipelines.ledger import audit
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.offset import TABLES
from pi5_pipelines.ledger.source import journal_file
from pi5_pipelines.settings import BackupSettings, Settings, load_settings
from tests.ledger.content import content
from tests.ledger.trading import DAY_NS, START_NS, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SEED = 20_261_126
NOW_NS = START_NS + 100 * DAY_NS
STEPS = (1, 5, 12, 20, 30)  # before the last: a kill there leaves a whole backup that nobody was told of, or less


@pytest.fixture
def traded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with a journal of old days, whose backups lie elsewhere."""
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "traded"))
    monkeypatch.setenv("PI5_BACKUP_FOLDER", str(tmp_path / "copies"))
    settings = load_settings()
    trade(settings, SEED, 0)
    return settings


def trade(settings: Settings, seed: int, start: int) -> int:
    """Forty orders more, and a snapshot to fold from; the last event."""
    path = journal_file(settings)
    last_seq = write(path, seed, 40, start=start)
    with Journal(path) as journal:
        journal.run(lambda connection: snapshot.store(connection, last_seq, b"")).result()
    return last_seq


def clean(settings: Settings) -> Tidied:
    """What the engine does every hour, with [backup] folder set."""
    with Journal(journal_file(settings)) as journal:
        return tidy(journal, House(settings.folder("exports") / "journal", 1, must_be_backed_up=True), NOW_NS)


def back_up(settings: Settings) -> str:
    made = create(settings)
    verify(settings, made.id)
    assert keep_place(settings) == ""
    return made.id


def place(settings: Settings) -> int | None:
    with JournalReader(journal_file(settings)) as reader:
        return reader.consumers().get(BACKUP)


def epoch_and_first(settings: Settings) -> tuple[str, int]:
    with JournalReader(journal_file(settings)) as reader:
        return reader.epoch(), reader.first_seq()


def at(home: Path, settings: Settings) -> Settings:
    """The same settings with another home."""
    return Settings(home=str(home), backup=BackupSettings(folder=str(backup_folder(settings))))


def test_nothing_goes_before_ledger_and_backup_have_it_and_all_of_it_after(traded: Settings) -> None:
    consumers.move(journal_file(traded), "ledger", 0, now_ns=1)
    assert [one.consumer for one in clean(traded).waits] == ["backup", "ledger"]
    last_seq = consume(traded).to_seq
    cleaned = clean(traded)
    assert cleaned.removed == 0
    (wait,) = cleaned.waits
    assert (wait.consumer, wait.seq, wait.since) == ("backup", 0, date(2025, 1, 3))
    made = create(traded)
    assert keep_place(traded) == ""
    assert clean(traded).removed == 0, "a backup that nobody has verified counted"
    verify(traded, made.id)
    assert clean(traded).removed == 0, "the journal was not told yet"
    assert keep_place(traded) == ""
    assert place(traded) == last_seq
    cleaned = clean(traded)
    assert cleaned.removed > last_seq // 2
    assert cleaned.waits == ()


def test_a_backup_counts_no_further_than_the_ledger_that_lies_in_it(traded: Settings) -> None:
    consume(traded, to_seq=50)
    back_up(traded)
    consume(traded)
    assert place(traded) == 50
    assert clean(traded).removed <= 50
    assert [one.consumer for one in clean(traded).waits] == ["backup"]


def test_without_a_ledger_the_journal_alone_counts(traded: Settings) -> None:
    back_up(traded)
    assert clean(traded).removed > 50


@pytest.mark.slow
def test_a_backup_that_is_killed_on_its_way_does_not_count(traded: Settings, root: Path) -> None:
    consume(traded)
    command = [sys.executable, "-m", "tests.backup.backing_up"]
    pattern = traded.home_path.with_name("pattern")
    shutil.copytree(traded.home_path, pattern)

    def run(step: int) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(traded.home_path)
        shutil.rmtree(backup_folder(traded), ignore_errors=True)
        shutil.copytree(pattern, traded.home_path)
        return subprocess.run([*command, str(step)], cwd=root, capture_output=True, text=True, check=False)

    steps = int(run(0).stdout)
    assert place(traded)
    for step in (steps // 2, *(steps - back for back in STEPS)):
        done = run(step)
        assert done.returncode == -signal.SIGKILL, done.stderr[-2_000:]
        assert place(traded) is None
        assert clean(traded).removed == 0
    back_up(traded)
    assert clean(traded).removed > 0


def test_a_backup_that_is_found_bad_counts_no_longer(
    traded: Settings, kept: Callable[[Settings, str], Path], rot: Callable[[Path], None]
) -> None:
    consume(traded, to_seq=60)
    back_up(traded)
    consume(traded)
    newest = back_up(traded)
    rot(kept(traded, "journal/live.sqlite"))
    with pytest.raises(BackupError):
        verify(traded, newest)
    assert keep_place(traded) == ""
    assert place(traded) == 60


def test_days_that_leave_the_journal_while_it_is_copied_are_in_the_backup(traded: Settings, tmp_path: Path) -> None:
    consume(traded)
    back_up(traded)
    removed = 0

    def meanwhile(_done: int, _of: int, name: str) -> None:
        nonlocal removed
        if name == "journal/live.sqlite":
            removed += clean(traded).removed

    made = create(traded, progress=meanwhile)
    assert removed > 0
    restore(traded, made.id, tmp_path / "new")
    restored = at(tmp_path / "new", traded)
    for table in TABLES:
        shutil.rmtree(restored.folder("lake") / table)
    assert consume(restored).to_seq == consume(traded).to_seq
    epoch, _first = epoch_and_first(traded)
    assert content(restored.folder("lake"), epoch) == content(traded.folder("lake"), epoch)


@pytest.mark.slow
def test_an_older_backup_brings_journal_exports_and_ledger_back_as_they_were_together(
    traded: Settings, tmp_path: Path
) -> None:
    consume(traded)
    back_up(traded)
    assert clean(traded).removed > 0
    trade(traded, SEED, 40)
    consume(traded)
    older = back_up(traded)
    epoch, first_seq = epoch_and_first(traded)
    then = content(traded.folder("lake"), epoch)
    newer_seq = trade(traded, SEED, 80)
    consume(traded)
    back_up(traded)
    clean(traded)
    restore(traded, older, tmp_path / "new")
    restored = at(tmp_path / "new", traded)
    assert epoch_and_first(restored) == (epoch, first_seq)
    assert content(restored.folder("lake"), epoch) == then
    seq, differences = audit.differing(restored)
    assert differences == []
    for table in TABLES:
        shutil.rmtree(restored.folder("lake") / table)
    consume(restored)
    assert content(restored.folder("lake"), epoch) == then
    # It goes on to be another journal than the newer backup holds, which then says nothing of its days.
    for start in (200, 240):
        last_seq = trade(restored, SEED + 1, start)
    assert last_seq > newer_seq
    consume(restored)
    assert keep_place(restored) == ""
    assert place(restored) == seq
    back_up(restored)
    assert place(restored) == last_seq


def test_a_journal_that_cannot_be_told_fails_no_backup(traded: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_engine.journal.connection.BUSY_TIMEOUT_S", 0.01)
    verify(traded, create(traded).id)
    with Journal(journal_file(traded)) as journal:
        assert "held by another program" in journal.run(lambda _: keep_place(traded)).result()
    assert keep_place(traded) == ""
    assert place(traded)


def test_a_manifest_of_before_says_nothing_of_the_journal(traded: Settings, rewrite: Callable[..., None]) -> None:
    made = create(traded)
    rewrite(traded, made.id, journal=None)
    verify(traded, made.id)
    seen = outcome(backup_folder(traded), made.id)
    assert seen is not None
    assert seen.good
    assert keep_place(traded) == ""
    assert place(traded) is None
    assert msgspec.to_builtins(manifests(backup_folder(traded))[0].journal) is None


def test_a_file_that_only_has_the_journals_name_is_copied_all_the_same(bare: Settings) -> None:
    import sqlite3

    bare.folder("journal").mkdir()
    with sqlite3.connect(bare.folder("journal") / "live.sqlite") as other:
        other.execute("CREATE TABLE a (b)")
    other.close()
    made = create(bare)
    verify(bare, made.id)
    assert manifests(backup_folder(bare))[0].journal is None
    assert "no journal of the live engine" in keep_place(bare)
