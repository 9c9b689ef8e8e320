"""How a figure is taken and told: one JSON line each, with machine, commit and versions."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = ("dagster", "deltalake", "duckdb", "numba", "numpy", "polars")


def emit(benchmark: str, **figures: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one line: the figures, and what they were taken on."""
    line = {
        "benchmark": benchmark,
        **figures,
        "taken_at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }
    print(json.dumps(line), flush=True)


def best_of(rounds: int, work: Callable[[], object]) -> tuple[float, float]:
    """The shortest and the median wall time in seconds of several calls: the shortest is nearest to a quiet machine."""
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    return seconds[0], seconds[len(seconds) // 2]


def peak_rss_mb() -> float:
    """The largest resident memory this process has had, in MB of 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _commit() -> str:
    try:
        command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


if __name__ == "__main__":
    sys.exit("measure.py takes no figures itself: run the bench_*.py files, or `make bench`")
