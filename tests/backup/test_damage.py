"""A backup that is no longer what was kept says so, names the file, and never reaches a home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backup import backup_folder, create, manifests, outcome, prune, restore, unreadable, verify
from pi5_pipelines.backup.catalog import CATALOG, MANIFEST, OUTCOME
from pi5_pipelines.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pi5_pipelines.settings import Settings

NOTE = "exports/note.txt"
OLDER, NEWER = "20200101T000000-abcdef", "20990101T000000-abcdef"


def one_table_file(settings: Settings) -> str:
    """A data file of the bars."""
    entries = manifests(backup_folder(settings))[0].entries
    return next(one.path for one in entries if one.path.startswith("lake/bars_1d/") and one.path.endswith(".parquet"))


def test_bit_rot_is_found_named_and_recorded(
    settings: Settings, kept: Callable[[Settings, str], Path], rot: Callable[[Path], None]
) -> None:
    made = create(settings)
    name = one_table_file(settings)
    verify(settings, made.id)
    rot(kept(settings, name))
    with pytest.raises(BackupError, match="its content has changed") as caught:
        verify(settings, made.id)
    assert caught.value.what.startswith(name)
    seen = outcome(backup_folder(settings), made.id)
    assert seen is not None
    assert not seen.good
    assert name in seen.problem


def test_a_rotten_backup_leaves_the_target_as_it_was(
    settings: Settings, tmp_path: Path, kept: Callable[[Settings, str], Path], rot: Callable[[Path], None]
) -> None:
    create(settings)
    rot(kept(settings, one_table_file(settings)))
    target = tmp_path / "target"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    with pytest.raises(BackupError, match="its content has changed"):
        restore(settings, "latest", target, force=True)
    assert [path.name for path in target.iterdir()] == ["mine.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "target"]


def test_a_backup_after_a_found_rot_keeps_the_content_anew(
    bare: Settings, tmp_path: Path, kept: Callable[[Settings, str], Path], rot: Callable[[Path], None]
) -> None:
    first = create(bare)
    rot(kept(bare, NOTE))
    with pytest.raises(BackupError):
        verify(bare)
    second = create(bare)
    assert second.new_bytes == len("first")
    verify(bare, second.id, full=True)
    restore(bare, first.id, tmp_path / "new")
    assert (tmp_path / "new" / NOTE).read_text() == "first"


@pytest.mark.parametrize("full", [False, True])
def test_a_content_that_is_gone_is_named(
    bare: Settings, tmp_path: Path, kept: Callable[[Settings, str], Path], *, full: bool
) -> None:
    create(bare)
    kept(bare, NOTE).unlink()
    with pytest.raises(BackupError, match=f"{NOTE}: its content is missing"):
        verify(bare, full=full)
    with pytest.raises(BackupError, match=f"{NOTE}: its content is missing"):
        restore(bare, "latest", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert create(bare).new_bytes == len("first")
    verify(bare)


def test_a_content_that_cannot_be_read_is_named(bare: Settings, kept: Callable[[Settings, str], Path]) -> None:
    made = create(bare)
    path = kept(bare, NOTE)
    path.unlink()
    path.mkdir()
    with pytest.raises(BackupError, match=f"{NOTE}: its content cannot be read"):
        verify(bare)
    seen = outcome(backup_folder(bare), made.id)
    assert seen is not None
    assert not seen.good


def test_a_truncated_manifest_is_named_and_the_others_stay_usable(bare: Settings, tmp_path: Path) -> None:
    first = create(bare)
    path = backup_folder(bare) / CATALOG / f"{NEWER}{MANIFEST}"
    path.write_bytes((path.parent / f"{first.id}{MANIFEST}").read_bytes()[:100])
    for wanted in ("latest", NEWER):
        with pytest.raises(BackupError, match="the manifest cannot be read") as caught:
            verify(bare, wanted)
        assert caught.value.where == str(path)
        with pytest.raises(BackupError, match="the manifest cannot be read"):
            restore(bare, wanted, tmp_path / "new")
    assert [error.where for error in unreadable(backup_folder(bare))] == [str(path)]
    assert verify(bare, first.id).id == first.id
    path.unlink()
    assert unreadable(backup_folder(bare)) == []


def test_backups_go_on_beside_a_manifest_that_cannot_be_read(bare: Settings, tmp_path: Path) -> None:
    path = backup_folder(bare) / CATALOG / f"{OLDER}{MANIFEST}"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"{")
    made = create(bare)
    assert prune(bare) == ()
    assert verify(bare).id == made.id
    restore(bare, "latest", tmp_path / "new")
    assert (tmp_path / "new" / NOTE).read_text() == "first"
    assert path.read_bytes() == b"{"


def test_a_manifest_under_another_name_is_refused(bare: Settings, rewrite: Callable[..., None]) -> None:
    made = create(bare)
    rewrite(bare, made.id, id="20200101T000000-abcdef")
    with pytest.raises(BackupError, match="does not fit its name"):
        verify(bare, made.id)


def test_a_note_of_verification_that_cannot_be_read_is_none(bare: Settings) -> None:
    made = create(bare)
    verify(bare)
    (backup_folder(bare) / CATALOG / f"{made.id}{OUTCOME}").write_bytes(b"\0\0")
    assert outcome(backup_folder(bare), made.id) is None
    assert prune(bare) == ()


@pytest.mark.parametrize("path", ["../outside.txt", "exports/../../outside.txt", "{absolute}"])
def test_a_manifest_that_points_outside_is_refused(
    bare: Settings, tmp_path: Path, rewrite: Callable[..., None], path: str
) -> None:
    made = create(bare)
    (entry,) = manifests(backup_folder(bare))[0].entries
    path = path.format(absolute=tmp_path / "outside.txt")
    rewrite(bare, made.id, entries=[{"path": path, "sha256": entry.sha256, "bytes": entry.bytes}])
    with pytest.raises(BackupError, match="points outside"):
        restore(bare, made.id, tmp_path / "new")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["home"]


def test_a_table_that_is_not_as_recorded_is_refused(
    settings: Settings, tmp_path: Path, rewrite: Callable[..., None]
) -> None:
    made = create(settings)
    rewrite(settings, made.id, tables=[{"name": "bars_1d", "version": 0, "rows": 1}])
    with pytest.raises(BackupError, match=r"table bars_1d has version 0 and .* rows, not 0 and 1"):
        restore(settings, made.id, tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("wanted", ["latest", "2026", "20"])
def test_an_id_that_names_no_backup_is_refused(bare: Settings, wanted: str) -> None:
    with pytest.raises(BackupError, match="no backup with id"):
        verify(bare, wanted)


def test_an_id_that_names_two_backups_is_refused(bare: Settings) -> None:
    first, second = create(bare), create(bare)
    assert first.id[:4] == second.id[:4]
    with pytest.raises(BackupError, match="2 backups with id"):
        verify(bare, first.id[:4])
