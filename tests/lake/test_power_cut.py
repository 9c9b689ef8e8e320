"""What a power cut or a kill leaves is a whole table: the one before the commit, or the one after."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from pi5_pipelines.errors import LakeDamagedError
from pi5_pipelines.lake import durability

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.lake.table import Lake

    Tear = Callable[[Path], None]


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def zeros_in_the_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 64] = b"\xff" * 64
    path.write_bytes(bytes(data))


def remove(path: Path) -> None:
    path.unlink()


TEARS = [cut_off, empty, zeros, remove]


@pytest.fixture
def torn(lake: Lake, bars: Callable[..., pl.DataFrame]) -> Lake:
    """A table with a second version that was written but never flushed: the marker still names the first."""
    lake.upsert("bars_1d", bars())
    lake.upsert("bars_1d", bars(days=20, close=2_000_000))
    durability.marker(lake.root, "bars_1d").write_text("0")
    return lake


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_log_entry_takes_back_the_commit(torn: Lake, bars: Callable[..., pl.DataFrame], tear: Tear) -> None:
    tear(durability.log_entry(torn.root / "bars_1d", 1))
    assert torn.version("bars_1d") == 0
    assert torn.read("bars_1d").equals(bars().sort("symbol", "ts"))


@pytest.mark.parametrize("tear", [*TEARS, zeros_in_the_middle])
@pytest.mark.parametrize("which", [0, -1])
def test_a_torn_data_file_takes_back_the_commit(
    torn: Lake, bars: Callable[..., pl.DataFrame], tear: Tear, which: int
) -> None:
    files = [path for path, _size in durability.added_files(torn.root / "bars_1d", 1)]
    tear(files[which])
    assert torn.read("bars_1d").equals(bars().sort("symbol", "ts"))
    assert torn.upsert("bars_1d", bars(days=20, close=2_000_000)).version == 1
    assert torn.read("bars_1d").equals(bars(days=20, close=2_000_000).sort("symbol", "ts"))


def test_a_commit_that_is_whole_stays(torn: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    assert torn.read("bars_1d").equals(bars(days=20, close=2_000_000).sort("symbol", "ts"))
    assert durability.synced_version(torn.root, "bars_1d") == 1


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_first_commit_leaves_no_table(lake: Lake, bars: Callable[..., pl.DataFrame], tear: Tear) -> None:
    lake.upsert("bars_1d", bars())
    durability.marker(lake.root, "bars_1d").unlink()
    tear(durability.log_entry(lake.root / "bars_1d", 0))
    assert lake.read("bars_1d").is_empty()
    assert lake.upsert("bars_1d", bars()).inserted == 20


def test_a_flushed_version_that_is_gone_is_called_damage(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    lake.upsert("bars_1d", bars(days=20))
    durability.log_entry(lake.root / "bars_1d", 1).unlink()
    with pytest.raises(LakeDamagedError, match="version 1 was written and flushed, but its log entry is gone"):
        lake.read("bars_1d")


def test_a_lost_data_file_is_called_damage(lake: Lake, bars: Callable[..., pl.DataFrame]) -> None:
    lake.upsert("bars_1d", bars())
    lake.files("bars_1d")[0][0].unlink()
    with pytest.raises(LakeDamagedError, match="a data file cannot be read"):
        lake.read("bars_1d")


WRITER = """
import sys
from pathlib import Path
import polars as pl
from pi5_pipelines.lake.table import Lake
lake = Lake(Path(sys.argv[1]))
print("ready", flush=True)
for path in sys.argv[2:]:
    lake.upsert("bars_1d", pl.read_parquet(path))
"""


@pytest.mark.slow
def test_kills_in_the_middle_of_commits_lose_nothing(
    tmp_path: Path, lake: Lake, bars: Callable[..., pl.DataFrame]
) -> None:
    steps = [bars(days=60 * (n + 1), symbols=("A", "B", "C"), close=1_000_000 + n) for n in range(12)]
    for n, step in enumerate(steps):
        step.write_parquet(tmp_path / f"{n:02}.parquet")
    files = [str(tmp_path / f"{n:02}.parquet") for n in range(len(steps))]
    allowed = [pl.DataFrame(schema=steps[0].schema), *(step.sort("symbol", "ts") for step in steps)]
    chance = random.Random(7)  # noqa: S311 - moments, not secrets
    seen = set()
    for _ in range(6):
        shutil.rmtree(lake.root, ignore_errors=True)
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(lake.root), *files],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(chance.uniform(0.0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        found = lake.read("bars_1d")
        states = [n for n, state in enumerate(allowed) if state.equals(found)]
        assert states, f"{found.height} rows belong to no state"
        seen.add(states[0])
        for step in steps:
            lake.upsert("bars_1d", step)
        assert lake.read("bars_1d").equals(allowed[-1])
    assert len(seen) > 1, "all kills hit the same state: the test shows too little"
