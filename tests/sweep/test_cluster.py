"""A real Dask scheduler and three real workers on loopback: one dies in the middle, and nothing is lost."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
DASK = str(Path(sys.executable).parent / "dask")
LONGEST_S = 60.0


@pytest.fixture
def cluster(tmp_path: Path, environment: dict[str, str]) -> Iterator[tuple[str, list[Any]]]:
    """The scheduler's address, and the workers' processes.

    Workers start once the scheduler listens: one that started before might itself be given the port meant for it.
    """
    quiet: dict[str, Any] = {
        "cwd": tmp_path,
        "env": environment,
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    told = tmp_path / "scheduler.json"
    scheduler = [DASK, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
    processes = [subprocess.Popen([*scheduler, "--scheduler-file", str(told)], **quiet)]
    try:
        address = address_of(told, processes[0])
        worker = [DASK, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        processes += [subprocess.Popen(worker, **quiet) for _ in range(3)]
        wait_for_workers(address, 3)
        yield address, processes[1:]
    finally:
        for process in processes[::-1]:
            process.kill()
            process.wait()


def address_of(told: Path, scheduler: subprocess.Popen[bytes]) -> str:
    """Where the scheduler listens, as it writes it down once it does."""
    deadline = time.monotonic() + LONGEST_S
    while time.monotonic() < deadline and scheduler.poll() is None:
        try:
            return str(json.loads(told.read_text(encoding="utf-8"))["address"])
        except (OSError, ValueError):
            time.sleep(0.05)
    raise AssertionError(f"the scheduler does not listen; exit code {scheduler.poll()}")


def wait_for_workers(address: str, count: int) -> None:
    import distributed

    connect: Any = distributed.Client  # it is not typed
    with connect(address, timeout=LONGEST_S, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=LONGEST_S)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_worker_that_dies_loses_nothing_and_the_table_is_that_of_one_machine(
    tmp_path: Path,
    goog_file: Path,
    cluster: tuple[str, list[Any]],
    start: Callable[..., subprocess.Popen[bytes]],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    address, workers = cluster
    command = ["sma_cross", "--bars", str(goog_file), "--param", "fast=1:80:1", "--param", "slow=81:280:1"]
    small = {"PI5_SWEEP_CHUNK": "500"}
    process = start(*command, "--scheduler", address, "--out", "cluster.parquet", "--json", "cluster.json", **small)
    deadline = time.monotonic() + LONGEST_S
    while len(list(tmp_path.glob("home/sweeps/*/chunk-*.parquet"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.005)
    assert process.poll() is None, process.communicate()
    workers[0].send_signal(signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 0, err.decode()
    local = sweep(*command, "--out", "local.parquet", **small)
    assert local["combinations"] == 16_000
    assert sha256(tmp_path / "cluster.parquet") == sha256(tmp_path / "local.parquet")


PLACING = (
    "bollinger_reversion",
    "--param",
    "length=5:24",
    "--param",
    "width=1:2:0.5",
    "--fees",
    "per-share:0.005:min=1",
)
TARGETS = ("sma_cross", "--param", "fast=2:21", "--param", "slow=30,60", "--dividends", "--debit-pct", "6")

POOLED = (
    "pairs_trading",
    *("--symbol", "MSFT", "--param", "lookback=20:65:5", "--param", "open=1:2:0.5"),
    *("--dividends", "--borrow-pct", "3", "--spread", "2bps"),
)


@pytest.mark.proof
def test_orders_targets_and_pools_with_frictions_are_the_same_on_a_cluster(
    tmp_path: Path,
    environment: dict[str, str],
    cluster: tuple[str, list[Any]],
    sweep: Callable[..., dict[str, Any]],
) -> None:
    two_symbols = {**environment, "PI5_INGEST_SOURCES": '["sample"]', "PI5_INGEST_SYMBOLS": '["IBM", "MSFT"]'}
    ingest = [sys.executable, "-m", "pi5_pipelines.cli.main", "ingest"]
    subprocess.run(ingest, cwd=tmp_path, env=two_symbols, check=True, capture_output=True)
    lake = ("--symbol", "IBM", "--adjust", "splits")
    small = {"PI5_SWEEP_CHUNK": "15"}
    for command in (PLACING, TARGETS, POOLED):
        local = sweep(*command, *lake, "--out", "local.parquet", **small)  # workers find its machine code on disk
        remote = sweep(*command, *lake, "--scheduler", cluster[0], "--out", "cluster.parquet", **small)
        assert (remote["failed"], local["failed"]) == (0, 0), command
        assert sha256(tmp_path / "cluster.parquet") == sha256(tmp_path / "local.parquet"), command
        for name in ("local", "cluster"):
            (tmp_path / f"{name}.parquet").unlink()
        if "--dividends" in command:
            unpaid = sweep(*(one for one in command if one != "--dividends"), *lake)
            assert unpaid["best"]["return_pct"] != local["best"]["return_pct"], command


def test_no_scheduler_is_one_clear_error_within_seconds(
    goog_file: Path, free_port: int, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    address = f"tcp://127.0.0.1:{free_port}"
    process = start("sma_cross", "--bars", str(goog_file), "--param", "fast=2:9:1", "--scheduler", address)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, b"")
    assert err.decode().startswith(f"error: scheduler {address}: no Dask scheduler answers")
    assert err.count(b"\n") == 1
