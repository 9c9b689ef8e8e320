"""A full disk: one line and exit code 1, the lake readable at its earlier versions, and all well once there is room."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    import polars as pl
    from click.testing import Result

BLOCK = 4_096


@pytest.fixture
def small_home(home: Path, small_disk: Path, filled: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A filled home on a disk of 4 MB."""
    assert not home.exists()
    monkeypatch.setenv("PI5_HOME", str(small_disk / "home"))
    return shutil.copytree(filled, small_disk / "home")


@pytest.fixture
def fill(small_disk: Path) -> Callable[[int], Path]:
    """Fill the disk up to some bytes; answers the file to be removed again."""

    def write(free: int) -> Path:
        ballast = small_disk / "ballast"
        status = os.statvfs(small_disk)
        ballast.write_bytes(bytes(status.f_bavail * status.f_frsize - free))
        return ballast

    return write


def versions(home: Path) -> dict[tuple[str, int], pl.DataFrame]:
    """The rows of every version of every table."""
    lake = Lake(home / "lake")
    return {
        (info.name, version): lake.read(info.name, version=version)
        for info in lake.tables()
        for version in range(info.version + 1)
    }


@pytest.mark.parametrize("free", [0, 10 * BLOCK, 40 * BLOCK])
def test_ingest_on_a_full_disk_is_one_line_and_harms_nothing(
    small_home: Path,
    fill: Callable[[int], Path],
    goog_file: Path,
    process: Callable[..., subprocess.Popen[bytes]],
    pi5: Callable[..., Result],
    free: int,
) -> None:
    before = versions(small_home)
    (small_home / "inbox").mkdir(exist_ok=True)
    shutil.copy(goog_file, small_home / "inbox" / "NEW.csv")
    ballast = fill(free)
    with process("ingest") as running:
        stdout, stderr = running.communicate(timeout=60)
    assert (running.returncode, stdout) == (1, b"")
    line = stderr.decode()
    assert line.startswith("error: ")
    assert "No space left on device" in line
    assert line.count("\n") == 1
    after = versions(small_home)
    assert all(after[key].equals(rows) for key, rows in before.items())
    ballast.unlink()
    assert pi5("ingest").exit_code == 0
    assert Lake(small_home / "lake").read("bars_1d", symbols=["NEW"]).height == 2_148


@pytest.mark.parametrize("free", [0, 3 * BLOCK, 10 * BLOCK])
def test_backtest_on_a_full_disk_is_one_line_and_keeps_no_half_result(
    small_home: Path, fill: Callable[[int], Path], refused: Callable[..., str], pi5: Callable[..., Result], free: int
) -> None:
    ballast = fill(free)
    line = refused("backtest", "sma_cross", "--symbol", "AAPL", code=1)
    assert line.startswith(f"error: {small_home / 'reports' / 'results'}: the result cannot be kept: ")
    assert "No space left on device" in line
    assert [path for path in small_home.rglob("*") if ".saving-" in path.name] == []
    ballast.unlink()
    assert pi5("backtest", "sma_cross", "--symbol", "AAPL").exit_code == 0
