"""Prove a backup good, and bring one back: beside the target, checked byte for byte, then renamed into place."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import tempfile
from contextlib import ExitStack, closing, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.backup.catalog import (
    DRILL,
    LATEST,
    Manifest,
    Outcome,
    backup_folder,
    find,
    locked,
    pool_path,
    record,
)
from pi5_pipelines.backup.snapshot import BLOCK, SQLITE_SUFFIXES, Progress
from pi5_pipelines.durable import fsync_dir, fsync_file
from pi5_pipelines.errors import BackupError, Pi5Error

if TYPE_CHECKING:
    from pi5_pipelines.backup.catalog import Entry
    from pi5_pipelines.settings import Settings


def verify(
    settings: Settings, backup_id: str = LATEST, *, full: bool = False, progress: Progress | None = None
) -> Manifest:
    """Hash every file of a backup again; `full` also restores it aside and opens every table and database.

    The outcome is kept beside the manifest. Raises BackupError naming the first file that is wrong.
    """
    folder = backup_folder(settings)
    manifest = find(folder, backup_id)
    try:
        with locked(folder) if full else nullcontext():
            _prove(folder, manifest, progress, full=full)
    except OSError as error:
        raise BackupError(
            f"cannot be verified: {error}", where=str(folder), hint="look for a full disk or missing rights"
        ) from error
    return manifest


def _prove(folder: Path, manifest: Manifest, progress: Progress | None, *, full: bool) -> None:
    try:
        if full:
            with tempfile.TemporaryDirectory(dir=folder, prefix=DRILL) as drill:
                _bring_back(folder, manifest, Path(drill), progress)
                _open_everything(Path(drill), manifest)
        else:
            for done, entry in enumerate(manifest.entries):
                if progress:
                    progress(done, len(manifest.entries), entry.path)
                _copy_checked(folder, entry, None)
    except BackupError as error:
        record(folder, manifest.id, Outcome(datetime.now(UTC), good=False, full=full, problem=str(error)))
        raise
    record(folder, manifest.id, Outcome(datetime.now(UTC), good=True, full=full))


def restore(
    settings: Settings, backup_id: str, to: Path, *, force: bool = False, progress: Progress | None = None
) -> Manifest:
    """Bring a backup back as a whole home at `to`; raises BackupError.

    A folder that holds something is refused, unless `force`: then it is moved aside, never deleted. Until then the
    target is as it was.
    """
    folder = backup_folder(settings)
    manifest = find(folder, backup_id)
    to = to.resolve()
    try:
        if to.exists() and any(to.iterdir()) and not force:
            raise BackupError("is not empty", where=str(to), hint="give another folder, or --force to move it aside")
        to.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=to.parent, prefix=f".{to.name}.restoring-", ignore_cleanup_errors=True
        ) as staging:
            home = Path(staging) / to.name
            home.mkdir()
            _bring_back(folder, manifest, home, progress)
            _open_everything(home, manifest)
            _put_in_place(home, to, folder.resolve())
        fsync_dir(to.parent)
    except OSError as error:
        raise BackupError(
            f"cannot be restored: {error}", where=str(to), hint="look for a full disk or missing rights"
        ) from error
    return manifest


def _put_in_place(home: Path, to: Path, folder: Path) -> None:
    """Rename the new home to its place and what was there aside; a step that fails takes those before it back.

    Backups that lie in the home being replaced move into the new one, so that none is lost.
    """
    with ExitStack() as undo:
        if to.exists() and any(to.iterdir()):
            aside = to.with_name(f"{to.name}.before-restore-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
            home.chmod(to.stat().st_mode & 0o7777)
            _rename(to, aside, undo)
            _rename(home, to, undo)
            if folder.is_relative_to(to):
                inside = folder.relative_to(to)
                (to / inside).parent.mkdir(parents=True, exist_ok=True)
                _rename(aside / inside, to / inside, undo)
        else:
            os.replace(home, to)  # noqa: PTH105 - an empty target folder is replaced
        undo.pop_all()


def _rename(source: Path, target: Path, undo: ExitStack) -> None:
    source.rename(target)
    undo.callback(target.rename, source)


def _bring_back(folder: Path, manifest: Manifest, target: Path, progress: Progress | None) -> None:
    parents = {target}
    for done, entry in enumerate(manifest.entries):
        if progress:
            progress(done, len(manifest.entries), entry.path)
        path = target / entry.path
        if not path.resolve().is_relative_to(target.resolve()):
            raise BackupError(f"{entry.path!r} points outside", where=manifest.id, hint="use another backup")
        path.parent.mkdir(parents=True, exist_ok=True)
        _copy_checked(folder, entry, path)
        parents |= {path.parent, *(parent for parent in path.parents if parent.is_relative_to(target))}
    if (target / "secrets").is_dir():
        (target / "secrets").chmod(0o700)
    for parent in sorted(parents, reverse=True):
        fsync_dir(parent)


def _copy_checked(folder: Path, entry: Entry, target: Path | None) -> None:
    """Read one content from the pool (and write it out); raises BackupError when it is not what was kept."""
    source = pool_path(folder, entry.sha256)
    total = hashlib.sha256()
    try:
        with source.open("rb") as reader, open(target or os.devnull, "wb") as writer:  # noqa: PTH123 - may be no file
            while block := reader.read(BLOCK):
                total.update(block)
                writer.write(block)
    except FileNotFoundError as error:
        raise _damaged(entry, source, "its content is missing") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise  # the disk written to, not the backup
        raise _damaged(entry, source, f"its content cannot be read: {error.strerror}") from error
    if total.hexdigest() != entry.sha256:
        raise _damaged(entry, source, "its content has changed")
    if target is not None:
        fsync_file(target)


def _damaged(entry: Entry, source: Path, problem: str) -> BackupError:
    hint = "use another backup; if the original is still whole, `pi5 backup create` keeps it anew"
    return BackupError(f"{entry.path}: {problem}", where=str(source), hint=hint)


def _open_everything(home: Path, manifest: Manifest) -> None:
    """Open every table at its recorded version and count its rows, and let SQLite check every database."""
    from pi5_pipelines.lake.table import Lake

    lake = Lake(home / "lake")
    for table in manifest.tables:
        try:
            version, rows = lake.version(table.name), lake.read(table.name).height
        except Pi5Error as error:
            raise BackupError(str(error), where=manifest.id, hint="use another backup") from error
        if (version, rows) != (table.version, table.rows):
            raise BackupError(
                f"table {table.name} has version {version} and {rows} rows, not {table.version} and {table.rows}",
                where=manifest.id,
                hint="use another backup",
            )
    for path in (home / entry.path for entry in manifest.entries if Path(entry.path).suffix in SQLITE_SUFFIXES):
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            try:
                verdict = database.execute("PRAGMA integrity_check").fetchone()[0]
            except sqlite3.Error as error:
                verdict = str(error)
        if verdict != "ok":
            raise BackupError(f"{path.name}: SQLite says {verdict}", where=manifest.id, hint="use another backup")
