"""Make a backup: a consistent copy of the home, each content kept once, valid only when it is whole."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pi5_pipelines.backup.catalog import (
    FORMAT,
    MAKING,
    POOL,
    Entry,
    Journal,
    Manifest,
    Table,
    backup_folder,
    locked,
    manifests,
    outcome,
    pool_path,
    publish,
)
from pi5_pipelines.backup.journal import ledger_places, noted
from pi5_pipelines.durable import fsync_dir, fsync_file
from pi5_pipelines.errors import BackupError
from pi5_pipelines.ledger.source import journal_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pi5_pipelines.settings import Settings

Progress = Callable[[int, int, str], None]

PARTS = ("lake", "reports", "journal", "exports", "dagster", "inbox", "secrets")
SQLITE_SUFFIXES = (".sqlite", ".db")
SQLITE_COMPANIONS = tuple(f"{suffix}{end}" for suffix in SQLITE_SUFFIXES for end in ("-wal", "-shm", "-journal"))
PASSED_OVER = (".locks", ".duckdb", "market.sqlite")  # the last is made of the lake again, and as large
BLOCK = 1 << 20
SPARE_BYTES = 16 << 20
BUSY_S = 30.0


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup holds, how much of it was new, and the seconds it took."""

    id: str
    files: int
    bytes: int
    new_bytes: int
    seconds: float


def create(settings: Settings, *, config_file: Path | None = None, progress: Progress | None = None) -> BackupReport:
    """Copy the home (and pi5.toml) into the pool and publish the manifest; raises BackupError.

    SQLite files are copied by SQLite itself and checked; the lake's tables are held still while they are copied.
    A kill at any moment leaves the backups before it as they were.
    """
    started = time.perf_counter()
    folder = backup_folder(settings)
    with locked(folder), ExitStack() as still:
        try:
            staging = Path(still.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=MAKING)))
            (folder / POOL).mkdir(mode=0o700, exist_ok=True)  # it holds the secrets too
            tables, ledger = _hold_lake(settings, still), ledger_places(settings)
            home, doubted = settings.home_path, _doubted(folder)
            sources = _files(home, folder)
            _check_room(home, folder, sources)
            copying = _Copying(home, folder, staging, doubted, journal_file(settings), ledger)
            entries, new_bytes = copying.all(sources, progress)
            # Days that left the journal before it was copied were exported before that, but after they were looked for.
            later = [path for path in _files(home, folder, ("exports",)) if path not in set(sources)]
            more, fresh = copying.all(later, None)
            entries, new_bytes = entries + more, new_bytes + fresh
            if config_file is not None and config_file.exists():
                entry, fresh = _keep(folder, config_file, "pi5.toml", staging, doubted=doubted)
                entries.append(entry)
                new_bytes += fresh
            manifest = _publish(folder, entries, tables, copying.journal, new_bytes, started)
        except OSError as error:
            raise BackupError(
                f"cannot be written: {error}",
                where=str(folder),
                hint="look for a full disk or missing rights; earlier backups are as they were",
            ) from error
    return BackupReport(manifest.id, len(entries), manifest.bytes, new_bytes, manifest.seconds)


def _hold_lake(settings: Settings, still: ExitStack) -> list[Table]:
    """Take every table's write lock until the copy is done; answers the tables as they now stand."""
    from pi5_pipelines.lake.table import Lake

    lake = Lake(settings.folder("lake"))
    for name in lake.names():
        still.enter_context(lake.writing(name))
    return [Table(info.name, info.version, info.rows) for info in lake.tables()]


def _files(home: Path, backups: Path, parts: Sequence[str] = PARTS) -> list[Path]:
    """The files to copy, in order; without those that are locks, spill or belong to an SQLite file."""
    found = [path for part in parts for path in sorted((home / part).rglob("*")) if path.is_file()]
    return [
        path
        for path in found
        if not path.is_relative_to(backups)
        and not path.name.endswith((".tmp", *SQLITE_COMPANIONS))
        and not set(PASSED_OVER) & set(path.relative_to(home).parts)
    ]


def _check_room(home: Path, folder: Path, sources: Sequence[Path]) -> None:
    """Raise BackupError when what was not in the last backup surely does not fit."""
    known = {entry.path: entry.bytes for one in manifests(folder)[:1] for entry in one.entries}
    sizes = {path.relative_to(home).as_posix(): path.stat().st_size for path in sources}
    needed = sum(size for name, size in sizes.items() if known.get(name) != size)
    free = shutil.disk_usage(folder).free
    if needed + SPARE_BYTES > free:
        raise BackupError(
            f"needs about {needed / 1e6:.0f} MB, {free / 1e6:.0f} MB are free",
            where=str(folder),
            hint="free some room, keep fewer backups, or set [backup] folder to another disk",
        )


@dataclass(slots=True)
class _Copying:
    """Puts files of the home into the pool; `journal` becomes what of the engine's journal was copied."""

    home: Path
    folder: Path
    staging: Path
    doubted: bool
    journal_path: Path
    ledger: dict[str, int]
    journal: Journal | None = None

    def all(self, sources: Sequence[Path], progress: Progress | None) -> tuple[list[Entry], int]:
        """Their entries, and how many bytes of them were new."""
        entries: list[Entry] = []
        new_bytes = 0
        for done, path in enumerate(sources):
            name = path.relative_to(self.home).as_posix()
            if progress:
                progress(done, len(sources), name)
            try:
                entry, fresh = _keep(self.folder, self._source(path), name, self.staging, doubted=self.doubted)
            except FileNotFoundError:
                if path.is_relative_to(self.home / "lake"):
                    raise
                continue  # a file of the other parts may end between listing and copying
            entries.append(entry)
            new_bytes += fresh
        if progress:
            progress(len(sources), len(sources), "done")
        return entries, new_bytes

    def _source(self, path: Path) -> Path:
        if path.suffix not in SQLITE_SUFFIXES:
            return path
        copy = _sqlite_copy(path, self.staging)
        if path == self.journal_path:
            self.journal = noted(copy, self.ledger)
        return copy


def _sqlite_copy(path: Path, staging: Path) -> Path:
    """A consistent copy of a database that others may be writing; raises BackupError when it is damaged."""
    copy = staging / "copy.sqlite"
    copy.unlink(missing_ok=True)
    try:
        with (
            closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target, progress=_give_up_when_busy)
            verdict = target.execute("PRAGMA integrity_check").fetchone()[0]
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise BackupError(
            f"SQLite cannot copy it: {error}", where=str(path), hint="mend or move the file away, then try again"
        ) from error
    if verdict != "ok":
        raise BackupError(f"SQLite finds it damaged: {verdict}", where=str(path), hint="restore it from a backup")
    return copy


def _give_up_when_busy(status: int, _remaining: int, _total: int) -> None:
    """Stop a copy that waited BUSY_S in vain: sqlite3 itself would try for ever."""
    if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        raise sqlite3.OperationalError("another process keeps it locked")


def _doubted(folder: Path) -> bool:
    """Whether a verification found the pool damaged, so that its files must prove themselves before they count."""
    seen = [outcome(folder, one.id) for one in manifests(folder)]
    return any(one is not None and not one.good for one in seen)


def _keep(folder: Path, source: Path, name: str, staging: Path, *, doubted: bool) -> tuple[Entry, int]:
    """Put one content into the pool unless it is there; answers its entry and how many bytes were new.

    What is there is only read, which a flash disk does not mind.
    """
    digest, size = _hash(source)
    target = pool_path(folder, digest)
    if target.exists() and target.stat().st_size == size and not (doubted and _hash(target)[0] != digest):
        return Entry(name, digest, size), 0
    copy = staging / "content"
    digest, size = _hash(source, copy)  # it may have grown since it was first read
    target = pool_path(folder, digest)
    fsync_file(copy)
    target.parent.mkdir(parents=True, exist_ok=True)
    copy.replace(target)
    return Entry(name, digest, size), size


def _hash(path: Path, copy: Path | None = None) -> tuple[str, int]:
    """A file's sha256 and size, copying it on the way if asked to."""
    total, size = hashlib.sha256(), 0
    with path.open("rb") as reader, open(copy or os.devnull, "wb") as writer:  # noqa: PTH123 - may be no file
        while block := reader.read(BLOCK):
            total.update(block)
            writer.write(block)
            size += len(block)
    return total.hexdigest(), size


def _publish(
    folder: Path,
    entries: Sequence[Entry],
    tables: Sequence[Table],
    journal: Journal | None,
    new_bytes: int,
    started: float,
) -> Manifest:
    """Flush the pool's folders, then let the manifest appear."""
    for shard in sorted({pool_path(folder, entry.sha256).parent for entry in entries}):
        fsync_dir(shard)
    fsync_dir(folder / POOL)
    fsync_dir(folder)
    now = datetime.now(UTC)
    manifest = Manifest(
        id=f"{now:%Y%m%dT%H%M%S}-{os.urandom(3).hex()}",
        format=FORMAT,
        created_at_utc=now,
        entries=tuple(entries),
        tables=tuple(tables),
        new_bytes=new_bytes,
        seconds=time.perf_counter() - started,
        journal=journal,
    )
    publish(folder, manifest)
    return manifest
