"""Kill -9 of the nightly job at random moments: the next run completes, and the lake is that of an undisturbed night.

Two kills by default; PI5_KILLS=100 is the full proof (`make proof`), whose outcome docs/proofs.md records. A kill
after the end of a night does not count.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from pi5_pipelines.lake.table import Lake
from tests.defaults import DEFAULTS

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PI5_KILLS", "2"))
KILLS_PER_HOME = 10
# Every kind of work a night does, and no more of it than that needs.
STRATEGIES = """[
  { name = "sma_cross", sweep = { fast = "5,10", slow = "20,50" }, symbols = ["IBM"] },
  { name = "donchian_breakout" },
  { name = "momentum_rotation" },
]"""
NIGHTLY = [sys.executable, "-m", "dagster", "job", "execute", "-m", "pi5_pipelines.definitions", "-j", "nightly"]


def environment(folder: Path) -> dict[str, str]:
    """A home and a DAGSTER_HOME of their own."""
    dagster_home = folder / "dagster_home"
    dagster_home.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", dagster_home)
    keep = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PI5_", "DAGSTER_")) or name == "PI5_NUMBA_CACHE"
    }
    chosen = {"PI5_BACKTEST_STRATEGIES": " ".join(STRATEGIES.split()), "PI5_CONFIG": str(DEFAULTS)}
    return {**keep, "PI5_HOME": str(folder / "home"), "DAGSTER_HOME": str(dagster_home), **chosen}


def reached(log: Path) -> str:
    """The last step that had begun when the job was killed, or "done"."""
    text = log.read_text(errors="replace")
    steps = re.findall(r"(\w+) - STEP_START", text)
    return "done" if "RUN_SUCCESS" in text else steps[-1] if steps else "start"


def nightly(folder: Path, *, kill_after_s: float | None = None) -> float:
    """Run the job, to its end or until it is killed with all its children; answers the seconds it took."""
    started = time.monotonic()
    log = folder.with_suffix(".log")
    with log.open("wb") as output:
        process = subprocess.Popen(
            NIGHTLY, cwd=ROOT, env=environment(folder), stdout=output, stderr=output, start_new_session=True
        )
        try:
            code = process.wait(timeout=kill_after_s if kill_after_s is not None else 300)
            assert code == 0, log.read_text(errors="replace")[-4000:]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert kill_after_s is not None, "the job did not end in 300 s"
    return time.monotonic() - started


def content(folder: Path) -> dict[str, str]:
    """A hash of every table's rows, raw file and result, by name: what the lake says, however it is stored."""
    home = folder / "home"
    lake = Lake(home / "lake")
    hashes = {}
    for table in lake.tables():
        frame = lake.read(table.name)
        ordered = frame.sort(frame.columns).write_csv()
        hashes[f"table {table.name}"] = f"{frame.height} rows {hashlib.sha256(ordered.encode()).hexdigest()}"
    files = [*(home / "lake" / "raw").rglob("*"), *(home / "reports" / "results").rglob("result.json")]
    for file in sorted(file for file in files if file.is_file()):
        hashes[file.relative_to(home).as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
    return hashes


@pytest.mark.slow
def test_killed_nights_end_like_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed = tmp_path / "undisturbed"
    length_s = nightly(undisturbed)
    expected = content(undisturbed)
    chance = random.Random(20261124)  # noqa: S311 - moments, not secrets
    killed_in: Counter[str] = Counter()
    homes = too_late = 0
    while killed_in.total() < KILLS:
        folder = tmp_path / f"killed-{homes}"
        finished = False
        for _ in range(min(KILLS_PER_HOME, KILLS - killed_in.total())):
            nightly(folder, kill_after_s=chance.uniform(0.0, length_s))
            step = reached(folder.with_suffix(".log"))
            finished = step == "done"
            if finished:  # what the kills before left undone is done: a kill would meet a night with nothing to do
                too_late += 1
                break
            killed_in[step] += 1
        if not finished:
            nightly(folder)
        assert content(folder) == expected
        shutil.rmtree(folder)
        homes += 1
    told = f"{killed_in.total()} kills within nights of {length_s:.1f} s in {homes} homes, by the last step begun"
    print(f"{told}: {dict(killed_in)}; {too_late} more came after the end and do not count")  # noqa: T201
