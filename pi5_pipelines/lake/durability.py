"""What the Delta writer leaves to us: one writer at a time, flushing to the device, and mending what a power cut tore.

delta-rs does not fsync. A commit therefore counts once its data files, its log entry and their folders are flushed, and
a marker naming its version is. A commit above the marker may be torn; it was never answered for, so it is set aside.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from pi5_pipelines.durable import fsync_dir, fsync_file, write_bytes_durably
from pi5_pipelines.errors import LakeDamagedError, LakeLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOG = "_delta_log"
LAST_CHECKPOINT = "_last_checkpoint"
TORN = "_torn"
POLL_S = 0.05


@contextmanager
def write_lock(root: Path, table: str, timeout_s: float, *, where: str = "") -> Iterator[None]:
    """Hold a table's write lock; raises LakeLockedError naming the holder (and `where`) when it stays taken."""
    path = root / ".locks" / f"{table}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(handle, where or f"lake table {table}", timeout_s)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)  # closing gives the lock back, as does any kind of death


def _acquire(handle: int, where: str, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                holder = os.pread(handle, 32, 0).decode(errors="replace") or "unknown"
                raise LakeLockedError(
                    f"process {holder} has been writing it for more than {timeout_s:g} s",
                    where=where,
                    hint="wait for it to end, or stop it; killing it loses nothing",
                ) from error
            time.sleep(POLL_S)
        else:
            return


def versions(folder: Path) -> list[int]:
    """The versions whose log entries exist, in order."""
    return sorted(int(path.stem) for path in (folder / LOG).glob("*.json") if path.stem.isdigit())


def log_entry(folder: Path, version: int) -> Path:
    """The file that holds one version's actions."""
    return folder / LOG / f"{version:020d}.json"


def added_files(folder: Path, version: int) -> list[tuple[Path, int]]:
    """The data files a version added, with the sizes it recorded; raises ValueError when its entry is torn."""
    actions: list[dict[str, Any]] = [json.loads(line) for line in log_entry(folder, version).read_text().splitlines()]
    if not any("commitInfo" in action for action in actions):
        raise ValueError("no commitInfo")
    adds = [action["add"] for action in actions if "add" in action]
    return [(folder / unquote(add["path"]), int(add["size"])) for add in adds]


def marker(root: Path, table: str) -> Path:
    """The file that names a table's last flushed version."""
    return root / ".synced" / table


def synced_version(root: Path, table: str) -> int:
    """A table's last flushed version; -1 when there is none."""
    try:
        return int(marker(root, table).read_text())
    except (FileNotFoundError, ValueError):
        return -1


def make_durable(root: Path, table: str) -> None:
    """Flush all versions above the marker, then move the marker."""
    folder = root / table
    present = versions(folder)
    for version in present:
        if version > synced_version(root, table):
            _flush(folder, version)
    for path in (folder / LOG, folder, root):
        fsync_dir(path)
    write_bytes_durably(marker(root, table), str(present[-1]).encode())


def _flush(folder: Path, version: int) -> None:
    parents = set()
    for path, _size in added_files(folder, version):
        fsync_file(path)
        parents.add(path.parent)
    fsync_file(log_entry(folder, version))
    for parent in parents:
        fsync_dir(parent)


def needs_recovery(root: Path, table: str) -> bool:
    """Whether the table has versions that were not flushed, or lost some that were."""
    present = versions(root / table)
    return bool(present) and present[-1] != synced_version(root, table)


def recover(root: Path, table: str) -> list[int]:
    """Set torn versions aside so that the table stands at its last good one; answers which they were.

    Call it under the write lock. Raises LakeDamagedError when a flushed version is gone.
    """
    folder, synced = root / table, synced_version(root, table)
    present = versions(folder)
    if synced >= 0 and synced not in present:
        raise LakeDamagedError(
            f"version {synced} was written and flushed, but its log entry is gone",
            where=f"lake table {table}",
            hint="restore the lake with `pi5 backup restore`",
        )
    _drop_torn_checkpoint(folder)
    torn: list[int] = []
    for version in (version for version in present if version > synced):
        if torn or not _is_whole(folder, version):
            torn.append(version)
    for version in reversed(torn):
        aside = folder / TORN
        aside.mkdir(exist_ok=True)
        entry = log_entry(folder, version)
        entry.rename(aside / f"{entry.name}.{time.time_ns()}")
        fsync_dir(aside)
        fsync_dir(folder / LOG)
    if versions(folder):
        make_durable(root, table)
    return torn


def _is_whole(folder: Path, version: int) -> bool:
    import polars as pl

    try:
        for path, size in added_files(folder, version):
            if path.stat().st_size != size:
                return False
            pl.read_parquet(path, hive_partitioning=False)
    except (OSError, ValueError, KeyError, pl.exceptions.PolarsError):
        return False
    return True


def _drop_torn_checkpoint(folder: Path) -> None:
    """Checkpoints only speed up reading: one that cannot be read is removed, the log entries are all still there."""
    import polars as pl

    pointer = folder / LOG / LAST_CHECKPOINT
    if not pointer.exists():
        return
    try:
        version = int(json.loads(pointer.read_text())["version"])
        pl.read_parquet(folder / LOG / f"{version:020d}.checkpoint.parquet")
    except (OSError, ValueError, KeyError, TypeError, pl.exceptions.PolarsError):
        pointer.unlink()
        for path in (folder / LOG).glob("*.checkpoint*.parquet"):
            path.unlink()
        fsync_dir(folder / LOG)
