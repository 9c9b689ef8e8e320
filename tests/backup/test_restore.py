"""A restore changes its target as a whole or not at all, and deletes nothing."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backup import backup_folder, create, manifests, restore, snapshot, verify
from pi5_pipelines.errors import BackupError
from pi5_pipelines.settings import BackupSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A folder that is a mount of its own, so that it cannot be renamed; it needs root."""
    folder = tmp_path / "mounted"
    folder.mkdir()
    mount = subprocess.run(["mount", "--bind", str(folder), str(folder)], capture_output=True, text=True, check=False)
    if mount.returncode:
        pytest.skip(f"a mount needs root: {mount.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_folder_that_holds_something_is_refused(bare: Settings, tmp_path: Path) -> None:
    create(bare)
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(BackupError, match="is not empty"):
        restore(bare, "latest", target)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]


def test_an_empty_folder_is_taken(bare: Settings, tmp_path: Path) -> None:
    create(bare)
    (tmp_path / "target").mkdir()
    restore(bare, "latest", tmp_path / "target")
    assert (tmp_path / "target" / "exports" / "note.txt").read_text() == "first"


def test_by_force_what_was_there_is_moved_aside_whole(
    bare: Settings, tmp_path: Path, content: Callable[[Path], dict[str, bytes]]
) -> None:
    create(bare)
    target = tmp_path / "target"
    target.mkdir(mode=0o750)
    (target / "mine.txt").write_text("mine")
    restore(bare, "latest", target, force=True)
    assert content(target) == {"exports/note.txt": b"first"}
    assert target.stat().st_mode & 0o777 == 0o750
    (aside,) = tmp_path.glob("target.before-restore-*")
    assert content(aside) == {"mine.txt": b"mine"}


def test_a_home_restored_over_itself_keeps_its_backups(bare: Settings, tmp_path: Path) -> None:
    made = create(bare)
    (bare.home_path / "exports" / "note.txt").write_text("worse")
    restore(bare, made.id, bare.home_path, force=True)
    assert (bare.home_path / "exports" / "note.txt").read_text() == "first"
    assert verify(bare, made.id).id == made.id
    (aside,) = tmp_path.glob("home.before-restore-*")
    assert (aside / "exports" / "note.txt").read_text() == "worse"


def test_the_same_home_by_another_path_keeps_its_backups(bare: Settings, tmp_path: Path) -> None:
    made = create(bare)
    (tmp_path / "link").symlink_to(bare.home_path)
    for spelling in (tmp_path / "other" / ".." / "home", tmp_path / "link"):
        restore(bare, made.id, spelling, force=True)
        assert verify(bare, made.id).id == made.id
    assert (tmp_path / "link").is_symlink()


def test_a_folder_that_cannot_be_moved_aside_stays_and_keeps_its_backups(mounted: Path) -> None:
    (mounted / "exports").mkdir()
    (mounted / "exports" / "note.txt").write_text("first")
    settings = Settings(home=str(mounted))
    made = create(settings)
    with pytest.raises(BackupError, match="cannot be restored"):
        restore(settings, made.id, mounted, force=True)
    assert verify(settings, made.id).id == made.id
    assert sorted(path.name for path in mounted.parent.iterdir()) == ["mounted"]


def test_backups_that_cannot_be_moved_put_everything_back(tmp_path: Path, mounted: Path) -> None:
    home = tmp_path / "home"
    (home / "exports").mkdir(parents=True)
    (home / "exports" / "note.txt").write_text("first")
    settings = Settings(home=str(home))
    home.joinpath("backups").mkdir()
    subprocess.run(["mount", "--bind", str(mounted), str(home / "backups")], check=True)
    try:
        made = create(settings)
        (home / "exports" / "note.txt").write_text("second")
        with pytest.raises(BackupError, match="cannot be restored"):
            restore(settings, made.id, home, force=True)
        assert (home / "exports" / "note.txt").read_text() == "second"
        assert verify(settings, made.id).id == made.id
        assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "mounted"]
    finally:
        subprocess.run(["umount", "-l", str(home / "backups")], check=True)


def test_a_target_that_is_a_file_is_refused(bare: Settings, tmp_path: Path) -> None:
    create(bare)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(BackupError, match="cannot be restored"):
        restore(bare, "latest", tmp_path / "file", force=True)
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("room_for_the_guess", [True, False])
def test_a_full_disk_stops_the_backup_and_leaves_the_earlier_ones_good(
    small_disk: Path, bare: Settings, monkeypatch: pytest.MonkeyPatch, *, room_for_the_guess: bool
) -> None:
    if room_for_the_guess:  # then the guess is wrong, and the disk fills up in the middle
        monkeypatch.setattr(snapshot, "SPARE_BYTES", -1 << 30)
    settings = Settings(home=bare.home, backup=BackupSettings(folder=str(small_disk / "copies")))
    with monkeypatch.context() as patch:
        patch.setattr(snapshot, "SPARE_BYTES", 0)
        first = create(settings)
    for step in range(6):
        (settings.home_path / "exports" / f"{step}.bin").write_bytes(bytes([step]) * 1_000_000)
    expected = r"cannot be written: .*No space left" if room_for_the_guess else "needs about 6 MB, 4 MB are free"
    with pytest.raises(BackupError, match=expected) as caught:
        create(settings)
    assert str(backup_folder(settings)) in str(caught.value)
    assert [one.id for one in manifests(backup_folder(settings))] == [first.id]
    assert not list(backup_folder(settings).glob(".making-*"))
    verify(settings, first.id)


def test_a_database_that_fills_the_disk_is_not_called_damaged(
    small_disk: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SPARE_BYTES", -1 << 30)
    with closing(sqlite3.connect(settings.folder("journal") / "orders.sqlite")) as database:
        database.execute("CREATE TABLE large (x)")
        database.execute("INSERT INTO large VALUES (randomblob(6000000))")
        database.commit()
    full = Settings(home=settings.home, backup=BackupSettings(folder=str(small_disk / "copies")))
    with pytest.raises(BackupError, match=r"cannot be written: .*No space left"):
        create(full)
    assert manifests(backup_folder(full)) == []


def test_a_full_disk_stops_the_restore_and_leaves_the_target(small_disk: Path, bare: Settings) -> None:
    for step in range(6):
        (bare.home_path / "exports" / f"{step}.bin").write_bytes(bytes([step]) * 1_000_000)
    made = create(bare)
    target = small_disk / "target"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(BackupError, match="No space left"):
        restore(bare, made.id, target, force=True)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    assert [path.name for path in small_disk.iterdir()] == ["target"]
    verify(bare, made.id)


def test_a_full_disk_says_nothing_about_the_backup(
    small_disk: Path, bare: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "SPARE_BYTES", 0)
    settings = Settings(home=bare.home, backup=BackupSettings(folder=str(small_disk / "copies")))
    for step in range(2):
        (settings.home_path / "exports" / f"{step}.bin").write_bytes(bytes([step]) * 1_000_000)
    create(settings)
    (small_disk / "filler").write_bytes(bytes(1_000_000))
    with pytest.raises(BackupError, match=r"cannot be verified: .*No space left"):
        verify(settings, full=True)
    assert not list((small_disk / "copies" / "catalog").glob("*.verified"))
    verify(settings)
