"""A program taken as a whole: its wall time, and the most memory that it and its children held at one moment."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LOOK_EVERY_SECONDS = 0.02
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Whole:
    """What one run of a program took, and what it printed, as JSON."""

    seconds: float
    peak_tree_rss_mb: float
    answer: dict[str, Any]


def run_whole(command: Sequence[str], request: object = None, environment: Mapping[str, str] | None = None) -> Whole:
    """Run a command with a request as JSON on stdin; MB are 10^6 bytes, pages shared by processes count in each.

    Memory is looked at every 20 ms. Raises RuntimeError with the end of stderr when the command fails.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **(environment or {})},
    )
    peaks = [0]
    done = threading.Event()
    watcher = threading.Thread(target=_watch, args=(process.pid, peaks, done))
    watcher.start()
    try:
        out, err = process.communicate("" if request is None else json.dumps(request))
        seconds = time.perf_counter() - started
    finally:
        done.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{err[-3000:]}")
    return Whole(seconds, peaks[0] * PAGE_BYTES / 1e6, json.loads(out))


def _watch(pid: int, peaks: list[int], done: threading.Event) -> None:
    while not done.wait(LOOK_EVERY_SECONDS):
        peaks[0] = max(peaks[0], _tree_pages(pid))


def _tree_pages(pid: int) -> int:
    """Resident pages of a process and all that descend from it; one that has just ended counts nothing."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        children = [
            int(child)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for child in (task / "children").read_text(encoding="ascii").split()
        ]
    except (OSError, IndexError):
        return 0
    return pages + sum(map(_tree_pages, children))
