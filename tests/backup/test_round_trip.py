"""What is restored is what was there: every byte, every table, every database."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from pi5_pipelines.backup import backup_folder, create, manifests, outcome, restore, verify
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import BackupSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_a_restored_home_has_the_same_files_and_tables(
    settings: Settings, tmp_path: Path, content: Callable[[Path], dict[str, bytes]]
) -> None:
    before = content(settings.home_path)
    made = create(settings)
    verify(settings, made.id)
    restore(settings, made.id, tmp_path / "new")
    after = content(tmp_path / "new")
    assert after.keys() == before.keys()
    for name in before:
        if not name.endswith(".sqlite"):
            assert after[name] == before[name], name
    old, new = Lake(settings.folder("lake")), Lake(tmp_path / "new" / "lake")
    assert new.tables() == old.tables()
    assert len(new.tables()) == 4
    for name in old.names():
        assert new.read(name).equals(old.read(name)), name
    with closing(sqlite3.connect(tmp_path / "new" / "journal" / "orders.sqlite")) as database:
        assert database.execute("SELECT * FROM orders").fetchall() == [(1, "GOOG"), (2, "IBM")]


def test_a_second_backup_of_the_same_home_stores_nothing_new(settings: Settings) -> None:
    first = create(settings)
    assert first.new_bytes > 900_000
    second = create(settings)
    assert second.new_bytes == 0
    assert (second.files, second.bytes) == (first.files, first.bytes)


def test_only_what_changed_is_stored_again(settings: Settings) -> None:
    create(settings)
    (settings.home_path / "exports" / "prices.csv").write_text("day,close\n")
    assert create(settings).new_bytes == len("day,close\n")


def test_a_full_verification_opens_everything_and_leaves_nothing_behind(settings: Settings) -> None:
    made = create(settings)
    verify(settings, full=True)
    seen = outcome(backup_folder(settings), made.id)
    assert seen is not None
    assert (seen.good, seen.full, seen.problem) == (True, True, "")
    assert not list(backup_folder(settings).glob(".drill-*"))


def test_secrets_stay_closed_to_others(settings: Settings, tmp_path: Path) -> None:
    made = create(settings)
    restore(settings, made.id, tmp_path / "new")
    assert (tmp_path / "new" / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "secrets" / "venue.key").read_text() == "hush"
    assert (backup_folder(settings) / "pool").stat().st_mode & 0o777 == 0o700


def test_the_settings_file_is_kept_too(bare: Settings, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('home = "./var"\n')
    made = create(bare, config_file=tmp_path / "my.toml")
    restore(bare, made.id, tmp_path / "new")
    assert (tmp_path / "new" / "pi5.toml").read_text() == 'home = "./var"\n'


def test_locks_spill_and_half_written_files_are_left_out(bare: Settings) -> None:
    for name in ("lake/.locks/bars_1d.lock", "lake/.duckdb/spill", "exports/.note.abc.tmp", "journal/x.sqlite-wal"):
        (bare.home_path / name).parent.mkdir(parents=True, exist_ok=True)
        (bare.home_path / name).write_text("x")
    create(bare)
    assert [one.path for one in manifests(backup_folder(bare))[0].entries] == ["exports/note.txt"]


def test_a_home_whose_name_means_something_in_an_address_is_copied_whole(filled: Path, tmp_path: Path) -> None:
    home = tmp_path / "home #1 at 50%41?mode=rw"
    shutil.copytree(filled / "journal", home / "journal")
    made = create(Settings(home=str(home)))
    restore(Settings(home=str(home)), made.id, tmp_path / "new #2")
    with closing(sqlite3.connect(tmp_path / "new #2" / "journal" / "orders.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM orders").fetchone() == (2,)


def test_backups_may_lie_in_a_folder_of_their_own(bare: Settings, tmp_path: Path) -> None:
    elsewhere = Settings(home=bare.home, backup=BackupSettings(folder=str(tmp_path / "disk" / "copies")))
    made = create(elsewhere)
    assert [one.id for one in manifests(tmp_path / "disk" / "copies")] == [made.id]
    assert not bare.folder("backups").exists()


def test_the_newest_backup_is_the_one_made_last(bare: Settings, tmp_path: Path) -> None:
    for step in range(6):
        (bare.home_path / "exports" / "note.txt").write_text(str(step))
        create(bare)
    restore(bare, "latest", tmp_path / "new")
    assert (tmp_path / "new" / "exports" / "note.txt").read_text() == "5"
