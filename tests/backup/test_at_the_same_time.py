"""Backups beside writers of the lake, beside each other, and cut short by a kill."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import msgspec
import polars as pl
import pytest

from pi5_pipelines.backup import backup_folder, create, manifests, prune, restore, verify
from pi5_pipelines.backup.catalog import locked
from pi5_pipelines.errors import BackupError
from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings

# Brings one more day in with every commit, so that a version tells how many rows there must be.
LAKE_WRITER = """
import sys
from datetime import timedelta
from pathlib import Path
import polars as pl
from pi5_pipelines.lake.table import Lake
lake = Lake(Path(sys.argv[1]))
day = lake.read("bars_1d", symbols=["GOOG"]).tail(1)
for step in range(1, 10_000):
    lake.upsert("bars_1d", day.with_columns(pl.col("ts") + timedelta(days=step)))
    print(step, flush=True)
"""

MAKER = """
import sys
import msgspec
from pi5_pipelines.settings import Settings
from pi5_pipelines.backup import create
settings = msgspec.json.decode(sys.argv[1], type=Settings)
print("ready", flush=True)
create(settings)
"""

HOLDER = """
import sys
from pathlib import Path
from pi5_pipelines.backup.catalog import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.slow
def test_a_lake_under_constant_writing_is_restored_at_the_recorded_version(
    settings: Settings, tmp_path: Path, root: Path
) -> None:
    rows = Lake(settings.folder("lake")).read("bars_1d").height
    writer = subprocess.Popen(
        [sys.executable, "-c", LAKE_WRITER, str(settings.folder("lake"))], stdout=subprocess.PIPE, cwd=root
    )
    versions = []
    try:
        assert writer.stdout is not None
        for step in range(3):
            assert writer.stdout.readline().strip().isdigit()
            made = create(settings)
            (table,) = [one for one in manifests(backup_folder(settings))[0].tables if one.name == "bars_1d"]
            restore(settings, made.id, tmp_path / str(step))
            restored = Lake(tmp_path / str(step) / "lake")
            assert restored.version("bars_1d") == table.version
            assert restored.read("bars_1d").height == table.rows == rows + table.version
            versions.append(table.version)
        assert writer.poll() is None, "the writer died: the test showed nothing"
    finally:
        writer.kill()
        writer.communicate()
    assert versions[0] > 0
    assert versions[-1] > versions[0]


def test_a_second_backup_at_the_same_time_is_refused_and_names_the_process(bare: Settings, root: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(backup_folder(bare))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=root,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        for attempt in (create, prune):
            with pytest.raises(BackupError, match=f"process {holder.pid} is at work on the backups"):
                attempt(bare)
    finally:
        holder.communicate()
    create(bare)


def test_a_full_verification_that_must_wait_says_nothing_about_the_backup(bare: Settings) -> None:
    made = create(bare)
    with locked(backup_folder(bare)), pytest.raises(BackupError, match="is at work on the backups"):
        verify(bare, made.id, full=True)
    assert not list((backup_folder(bare) / "catalog").glob("*.verified"))


def test_kills_in_the_middle_leave_the_earlier_backups_good(settings: Settings, root: Path) -> None:
    first = create(settings)
    folder = backup_folder(settings)
    chance = random.Random(11)  # noqa: S311 - moments, not secrets
    for _ in range(3):
        for step in range(40):
            (settings.home_path / "exports" / f"{step}.bin").write_bytes(chance.randbytes(300_000))
        kill_after(chance.randrange(1, 20), settings, root)
        assert [one.id for one in manifests(folder)] == [first.id]
        assert list(folder.glob(".making-*")), "the kill left nothing: it came at the wrong moment"
        verify(settings, first.id)
    second = create(settings)
    assert not list(folder.glob(".making-*"))
    assert verify(settings, "latest", full=True).id == second.id
    verify(settings, first.id, full=True)
    held = {entry.sha256 for one in manifests(folder) for entry in one.entries}
    assert {path.name for path in (folder / "pool").glob("??/*")} > held
    prune(settings)
    assert {path.name for path in (folder / "pool").glob("??/*")} <= held
    verify(settings)


def kill_after(new_files: int, settings: Settings, root: Path) -> None:
    """Start a backup and kill it once it has put so many new contents into the pool."""
    folder = backup_folder(settings)
    maker = subprocess.Popen(
        [sys.executable, "-c", MAKER, msgspec.json.encode(settings).decode()], stdout=subprocess.PIPE, cwd=root
    )
    assert maker.stdout is not None
    assert maker.stdout.readline() == b"ready\n"
    before = len(list((folder / "pool").glob("??/*")))
    while maker.poll() is None and len(list((folder / "pool").glob("??/*"))) < before + new_files:
        time.sleep(0.0005)
    maker.send_signal(signal.SIGKILL)
    maker.stdout.close()
    assert maker.wait() == -signal.SIGKILL, "it ended before the kill"


def test_what_a_kill_leaves_in_the_pool_is_dropped_by_the_next_pruning(bare: Settings) -> None:
    create(bare)
    orphan = backup_folder(bare) / "pool" / "ab" / ("ab" + "0" * 62)
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_text("half")
    prune(bare)
    assert not orphan.exists()
    verify(bare)


def test_the_lake_can_be_written_again_after_a_backup(settings: Settings) -> None:
    create(settings)
    lake = Lake(settings.folder("lake"), lock_timeout_s=0.1)
    day = lake.read("bars_1d", symbols=["GOOG"]).tail(1)
    assert lake.upsert("bars_1d", day.with_columns(pl.col("close") + 1)).restated == 1
