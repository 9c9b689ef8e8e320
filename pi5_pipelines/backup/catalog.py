"""Which backups there are: one manifest each, naming every file by its hash, and what its last verification found."""

from __future__ import annotations

import fcntl
import os
import shutil
from contextlib import contextmanager
from datetime import datetime  # noqa: TC003 - msgspec reads the types at run time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from pi5_pipelines.durable import fsync_dir, write_bytes_durably
from pi5_pipelines.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pi5_pipelines.settings import BackupSettings, Settings

FORMAT = 1
CATALOG, POOL, LOCK = "catalog", "pool", ".lock"
MANIFEST, OUTCOME = ".json", ".verified"
MAKING, DRILL = ".making-", ".drill-"
LATEST = "latest"
SHORTEST_PREFIX = 4


class Entry(msgspec.Struct, frozen=True):
    """One file of the home: its path below it, and the hash and size of its content."""

    path: str
    sha256: str
    bytes: int


class Table(msgspec.Struct, frozen=True):
    """A lake table at the version that was copied."""

    name: str
    version: int
    rows: int


class Journal(msgspec.Struct, frozen=True):
    """The live engine's journal as it was copied: its epoch, its last event, and when that was written (UTC, in ns).

    `place` is the last event that nothing in the backup lacks: no later than the last one that the ledger's tables in
    it have taken in, where there is a ledger.
    """

    epoch: str
    last_seq: int
    wall_ns: int
    place: int


class Manifest(msgspec.Struct, frozen=True):
    """All that one backup holds; `journal` is None where there was none, or an older program made the backup."""

    id: str
    format: int
    created_at_utc: datetime
    entries: tuple[Entry, ...]
    tables: tuple[Table, ...]
    new_bytes: int
    seconds: float
    journal: Journal | None = None

    @property
    def bytes(self) -> int:
        """The size of everything it holds."""
        return sum(entry.bytes for entry in self.entries)


class Outcome(msgspec.Struct, frozen=True):
    """What a verification found; `full`: the backup was restored and opened, not only hashed."""

    verified_at_utc: datetime
    good: bool
    full: bool
    problem: str = ""


def backup_folder(settings: Settings) -> Path:
    """Where backups are kept: [backup] folder, else HOME/backups."""
    chosen = settings.backup.folder
    return Path(chosen).expanduser().absolute() if chosen else settings.folder("backups")


def pool_path(folder: Path, sha256: str) -> Path:
    """Where the content of that hash is kept, once however many backups hold it."""
    return folder / POOL / sha256[:2] / sha256


def manifests(folder: Path) -> list[Manifest]:
    """The backups whose manifests can be read, the newest first."""
    return _catalog(folder)[0]


def unreadable(folder: Path) -> list[BackupError]:
    """What is wrong with each manifest that cannot be read; what those backups hold is not known."""
    return list(_catalog(folder)[1].values())


def _catalog(folder: Path) -> tuple[list[Manifest], dict[str, BackupError]]:
    """Manifests, the newest first, and by the id in its name what is wrong with each of the others."""
    found, wrong = [], {}
    for path in sorted((folder / CATALOG).glob(f"*{MANIFEST}")):
        try:
            found.append(_read(path))
        except BackupError as error:
            wrong[path.name.removesuffix(MANIFEST)] = error
    return sorted(found, key=lambda one: (one.created_at_utc, one.id), reverse=True), wrong


def _read(path: Path) -> Manifest:
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise BackupError(
            f"the manifest cannot be read: {error}", where=str(path), hint="use another backup; move this file away"
        ) from error
    if found.format != FORMAT or found.id != path.name.removesuffix(MANIFEST):
        raise BackupError(
            "the manifest does not fit its name or this program", where=str(path), hint="use another backup"
        )
    return found


def find(folder: Path, wanted: str) -> Manifest:
    """The backup whose id begins with `wanted`, or the newest for "latest"; raises BackupError.

    One whose manifest cannot be read is never passed over for an older one.
    """
    found, wrong = _catalog(folder)
    for name, error in wrong.items():
        meant = wanted == LATEST and not any(one.id > name for one in found)
        if meant or (len(wanted) >= SHORTEST_PREFIX and name.startswith(wanted)):
            raise error
    if wanted == LATEST and found:
        return found[0]
    matching = [one for one in found if one.id.startswith(wanted)] if len(wanted) >= SHORTEST_PREFIX else []
    if len(matching) != 1:
        known = ", ".join(one.id for one in found[:5]) or "none"
        raise BackupError(
            f"{'no backup' if not matching else f'{len(matching)} backups'} with id {wanted!r}",
            where=str(folder),
            hint=f"there are: {known}",
        )
    return matching[0]


def publish(folder: Path, manifest: Manifest) -> None:
    """Make a backup count, as the last step of its making."""
    write_bytes_durably(folder / CATALOG / f"{manifest.id}{MANIFEST}", msgspec.json.encode(manifest))


def outcome(folder: Path, backup_id: str) -> Outcome | None:
    """What the last verification found; None when there was none, or it cannot be read."""
    path = folder / CATALOG / f"{backup_id}{OUTCOME}"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Outcome)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def record(folder: Path, backup_id: str, found: Outcome) -> None:
    """Keep what a verification found."""
    write_bytes_durably(folder / CATALOG / f"{backup_id}{OUTCOME}", msgspec.json.encode(found))


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the backups for writing; raises BackupError naming the process that holds them.

    What a killed holder left unfinished is removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace") or "unknown"
            raise BackupError(
                f"process {holder} is at work on the backups", where=str(folder), hint="wait for it to end"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        for left in (*folder.glob(f"{MAKING}*"), *folder.glob(f"{DRILL}*")):
            shutil.rmtree(left, ignore_errors=True)
        yield
    finally:
        os.close(handle)


def select_keep(times: list[datetime], policy: BackupSettings) -> set[datetime]:
    """Which backups stay: the newest of each of the last days, weeks and months (grandfather-father-son)."""
    kept: set[datetime] = set()
    newest_first = sorted(times, reverse=True)
    for form, count in (("%Y-%m-%d", policy.keep_daily), ("%G-%V", policy.keep_weekly), ("%Y-%m", policy.keep_monthly)):
        periods: set[str] = set()
        for time in newest_first:
            period = time.strftime(form)
            if period not in periods and len(periods) < count:
                periods.add(period)
                kept.add(time)
    return kept


def prune(settings: Settings) -> tuple[str, ...]:
    """Drop backups that the policy does not keep, and pool files that no backup needs; answers the ids dropped.

    The newest backup that was verified good always stays; so does the whole pool while there are manifests that
    cannot be read, because nobody knows what they need.
    """
    folder = backup_folder(settings)
    with locked(folder):
        found, wrong = _catalog(folder)
        kept = select_keep([one.created_at_utc for one in found], settings.backup)
        newest_good = next((one.id for one in found if (seen := outcome(folder, one.id)) and seen.good), None)
        dropped = [one for one in found if one.created_at_utc not in kept and one.id != newest_good]
        for one in dropped:
            for suffix in (MANIFEST, OUTCOME):
                (folder / CATALOG / f"{one.id}{suffix}").unlink(missing_ok=True)
        if dropped:
            fsync_dir(folder / CATALOG)
        if not wrong:
            _drop_unneeded(folder, {entry.sha256 for one in manifests(folder) for entry in one.entries})
    return tuple(one.id for one in dropped)


def _drop_unneeded(folder: Path, needed: set[str]) -> None:
    for path in (folder / POOL).glob("??/*"):
        if path.name not in needed:
            path.unlink()
