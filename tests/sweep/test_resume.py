"""Kill -9 of a real `pi5 sweep` at random moments: the same command goes on, and the table is that of a quiet run.

Two kills by default; PI5_KILLS=20 is the full proof (`make proof`), whose outcome docs/proofs.md records.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("PI5_KILLS", "2"))
KILLS_PER_SWEEP = 7
MOST_CHUNKS_BETWEEN = 4
CHUNK = 500
CHUNKS = 32
LONGEST_S = 60.0
EARLY, START_S, CHUNK_S = 0.25, 0.6, 0.02


@pytest.fixture
def command(goog_file: Path) -> list[str]:
    """16,000 combinations in 32 chunks."""
    return ["sma_cross", "--bars", str(goog_file), "--param", "fast=1:80:1", "--param", "slow=81:280:1"]


@pytest.fixture
def placing(goog_file: Path) -> list[str]:
    """1,600 combinations of a strategy that places orders, with frictions, in 32 chunks."""
    ranges = ("channel=2:41:1", "stop=0.5:4:0.5", "target=2:6:1")
    frictions = ("--fees", "per-share:0.005:min=1", "--spread", "2bps", "--borrow-pct", "3", "--latency", "1bar")
    return ["atr_breakout", "--bars", str(goog_file), *(f"--param={one}" for one in ranges), *frictions]


def chunks(home: Path) -> dict[str, float]:
    """The finished chunks of all sweeps under a home, and when they were written."""
    return {path.name: path.stat().st_mtime_ns for path in home.glob("sweeps/*/chunk-*.parquet")}


def kill_after(process: subprocess.Popen[bytes], home: Path, wanted: int, wait_s: float = 0.0) -> None:
    """Kill the command some time after so many chunks lie there; its engine must end by itself."""
    deadline = time.monotonic() + LONGEST_S
    while len(chunks(home)) < wanted and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(wait_s)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def settled(home: Path) -> dict[str, float]:
    """The chunks once the engine that lost its command is gone: nothing is added any more."""
    before: dict[str, float] = {}
    while (now := chunks(home)) != before:
        before = now
        time.sleep(0.3)
    return now


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize(("kind", "chunk"), [("command", CHUNK), pytest.param("placing", 50, marks=pytest.mark.proof)])
def test_a_killed_sweep_goes_on_and_gives_the_same_table(
    kind: str,
    chunk: int,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    start: Callable[..., subprocess.Popen[bytes]],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    command: list[str] = request.getfixturevalue(kind)
    home, small = tmp_path / "home", {"PI5_SWEEP_CHUNK": str(chunk)}
    quiet = sweep(*command, "--out", "quiet.parquet", **small)
    assert (quiet["combinations"], quiet["resumed"], quiet["exit_code"]) == (CHUNKS * chunk, 0, 0)
    assert not list(home.glob("sweeps/*"))
    chance = random.Random(20_260)  # noqa: S311 - repeatable moments, no secrets
    resumed: list[int] = []
    for first in range(0, KILLS, KILLS_PER_SWEEP):
        kept: dict[str, float] = {}
        for _ in range(min(KILLS_PER_SWEEP, KILLS - first)):
            early = chance.random() < EARLY  # while the process still starts, or once it has made some chunks
            more = 0 if early else chance.randint(1, MOST_CHUNKS_BETWEEN)
            wait_s = chance.uniform(0.0, START_S if early else CHUNK_S)
            wanted = min(len(kept) + more, CHUNKS - MOST_CHUNKS_BETWEEN)
            kill_after(start(*command, "--out", "killed.parquet", **small), home, wanted, wait_s)
            found = settled(home)
            assert kept.items() <= found.items()  # no finished chunk was made anew
            kept = found
            assert not (tmp_path / "killed.parquet").exists()
        final = sweep(*command, "--out", "killed.parquet", **small)
        assert final["resumed"] == len(kept) * chunk
        resumed.append(len(kept))
        assert sha256(tmp_path / "killed.parquet") == sha256(tmp_path / "quiet.parquet")
        for name in ("best", "top", "deflated_sharpe", "pbo", "failed"):
            assert final[name] == quiet[name]
        assert not list(home.glob("sweeps/*"))
        (tmp_path / "killed.parquet").unlink()
    assert max(resumed) > 0
    print(f"{KILLS} kills; of {CHUNKS} chunks there were before each last run: {resumed}")  # noqa: T201


def test_a_torn_chunk_is_made_again(
    tmp_path: Path,
    command: list[str],
    start: Callable[..., subprocess.Popen[bytes]],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    home, small = tmp_path / "home", {"PI5_SWEEP_CHUNK": str(CHUNK)}
    kill_after(start(*command, **small), home, 3)
    settled(home)
    first, second, *_ = sorted(home.glob("sweeps/*/chunk-*.parquet"))
    first.write_bytes(first.read_bytes()[:-1_000])
    torn = bytearray(second.read_bytes())
    torn[len(torn) // 2] ^= 1
    second.write_bytes(torn)
    whole = len(chunks(home)) - 2
    resumed = sweep(*command, "--out", "torn.parquet", **small)
    assert resumed["resumed"] == whole * CHUNK
    sweep(*command, "--out", "quiet.parquet", **small)
    assert sha256(tmp_path / "torn.parquet") == sha256(tmp_path / "quiet.parquet")


@pytest.mark.proof
def test_other_options_do_not_take_over_chunks(
    tmp_path: Path,
    command: list[str],
    start: Callable[..., subprocess.Popen[bytes]],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    small = {"PI5_SWEEP_CHUNK": str(CHUNK)}
    kill_after(start(*command, **small), tmp_path / "home", 2)
    settled(tmp_path / "home")
    assert sweep(*command, "--fee-bps", "5", **small)["resumed"] == 0
    assert sweep(*command, "--interest-pct", "1", **small)["resumed"] == 0
