"""Sweeps of SMA crosses on real daily bars: 1,000, 10,000 and a million combinations, cold and warm, memory of all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from measure import ROOT, emit

# Ranges whose combinations with fast < slow are exactly so many.
SPACES = {
    1_000: ("fast=1:20:1", "slow=21:70:1"),
    10_000: ("fast=1:50:1", "slow=51:250:1"),
    1_000_000: ("fast=1:500:1", "slow=501:2500:1"),
}
LOOK_EVERY_S = 0.01
WARM_ROUNDS = 5
LARGE = 100_000  # combinations of which a sweep is taken once


def tree_rss(root: int) -> int:
    """Bytes resident now in a process and all below it; shared pages count in each."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(stat.parent.name))
    total, todo = 0, [root]
    while todo:
        pid = todo.pop()
        todo += children.get(pid, [])
        try:
            statm = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
        except OSError:
            continue
        total += int(statm[1]) * os.sysconf("SC_PAGE_SIZE")
    return total


def sweep(params: tuple[str, ...], environ: dict[str, str], *extra: str) -> dict[str, Any]:
    """One `pi5 sweep`: its summary, the wall time of the whole process, and the largest memory of its tree seen."""
    spec = find_spec("backtesting")
    assert spec is not None  # noqa: S101 - a development dependency
    assert spec.origin is not None  # noqa: S101
    prices = Path(spec.origin).parent / "test" / "GOOG.csv"
    command = [sys.executable, "-m", "pi5_pipelines.cli.main", "sweep", "sma_cross", "--bars", str(prices)]
    command += [part for one in params for part in ("--param", one)]
    started = time.perf_counter()
    process = subprocess.Popen([*command, "--json", "-", *extra], env=environ, stdout=subprocess.PIPE)
    seen = [0]

    def look() -> None:
        while process.poll() is None:
            seen[0] = max(seen[0], tree_rss(process.pid))
            time.sleep(LOOK_EVERY_S)

    watcher = threading.Thread(target=look)
    watcher.start()
    out, _ = process.communicate()
    watcher.join()
    if process.returncode:
        sys.exit(f"pi5 sweep ended with {process.returncode}")
    document: dict[str, Any] = json.loads(out)
    return {**document, "wall_s": time.perf_counter() - started, "seen_mb": seen[0] / 1e6}


def main() -> None:
    """Take and print the figures."""
    with tempfile.TemporaryDirectory(prefix="pi5-sweep-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PI5_")}
        environ = {
            **kept,
            "PYTHONPATH": str(ROOT),
            "PI5_HOME": f"{folder}/home",
            "PI5_NUMBA_CACHE": f"{folder}/numba",  # so that the first run really compiles
        }
        for count, params in SPACES.items():
            first = sweep(params, environ)
            rounds = [sweep(params, environ) for _ in range(WARM_ROUNDS)] if count < LARGE else [first]
            if first["combinations"] != count:
                sys.exit(f"{first['combinations']} combinations instead of {count}")
            seconds = sorted(one["seconds"] for one in rounds)
            emit(
                f"sweep_{count}_sma_crosses_2148_daily_bars",
                seconds_best=seconds[0],
                seconds_median=seconds[len(seconds) // 2],
                whole_process_s=min(one["wall_s"] for one in rounds),
                whole_process_first_s=first["wall_s"],
                combinations_per_s=count / seconds[0],
                peak_rss_tree_mb=max(one["seen_mb"] for one in rounds),
                peak_rss_tree_first_mb=first["seen_mb"],
                peak_rss_told_mb=max(one["peak_rss_mb"] for one in rounds),
                workers=first["workers"],
                includes="event loop, 18 figures a combination; the process: start, bars, chunks on disk, PBO, DSR",
            )


if __name__ == "__main__":
    main()
