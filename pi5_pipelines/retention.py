"""What Dagster would keep for ever: old runs, their events and logs."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pi5_pipelines.errors import Pi5Error

if TYPE_CHECKING:
    from pathlib import Path

    from dagster import DagsterInstance

    from pi5_pipelines.settings import Settings

PAGE_OF_RUNS = 100


@dataclass(frozen=True, slots=True)
class RetentionReport:
    """How much went: runs, log files, and the bytes of the records before and after."""

    runs: int
    log_files: int
    bytes_before: int
    bytes_after: int


def expire(instance: DagsterInstance, settings: Settings, *, now: datetime | None = None) -> RetentionReport:
    """Drop finished runs older than [retention] runs_days and log files older than logs_days.

    A run that made the latest version of an asset stays, so the UI still knows what was last made and how.
    """
    now = now or datetime.now(UTC)
    records = settings.folder("dagster")
    before = _size(records)
    old = _old_runs(instance, now - timedelta(days=settings.retention.runs_days))
    keep = _latest_runs(instance) if old else set()
    expired = [run_id for run_id in old if run_id not in keep]
    for run_id in expired:
        instance.delete_run(run_id)
        shutil.rmtree(settings.folder("logs") / "dagster" / run_id, ignore_errors=True)
    logs = expire_logs(settings.folder("logs"), now - timedelta(days=settings.retention.logs_days))
    if expired:
        _shrink(records)
    return RetentionReport(len(expired), logs, before, _size(records))


def _old_runs(instance: DagsterInstance, before: datetime) -> list[str]:
    from dagster import DagsterRunStatus, RunsFilter

    finished = [DagsterRunStatus.SUCCESS, DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED]
    finished.append(DagsterRunStatus.NOT_STARTED)  # killed before it began
    chosen = RunsFilter(statuses=finished, updated_before=before)
    found: list[str] = []
    while True:
        cursor = found[-1] if found else None
        page = instance.get_run_records(chosen, limit=PAGE_OF_RUNS, cursor=cursor)
        found += [record.dagster_run.run_id for record in page]
        if len(page) < PAGE_OF_RUNS:
            return found


def _latest_runs(instance: DagsterInstance) -> set[str]:
    latest = (instance.get_latest_materialization_event(key) for key in instance.all_asset_keys())
    return {event.run_id for event in latest if event is not None}


def expire_logs(folder: Path, before: datetime) -> int:
    """Delete log files last written before a moment, and folders left empty; answers how many files."""
    count = 0
    for path in sorted(folder.rglob("*"), reverse=True):  # what is in a folder comes before the folder
        if path.is_file() and path.stat().st_mtime < before.timestamp():
            path.unlink()
            count += 1
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return count


def _shrink(records: Path) -> None:
    """Give the room of deleted rows back to the disk."""
    for path in records.rglob("*.db"):
        try:
            with closing(sqlite3.connect(path, timeout=30)) as database:
                database.execute("VACUUM")
        except sqlite3.OperationalError as error:
            raise Pi5Error(
                f"cannot be shrunk: {error}", where=str(path), hint="the next night tries again; look for a full disk"
            ) from error


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
