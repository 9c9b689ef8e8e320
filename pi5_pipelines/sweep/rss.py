"""How much memory this process has resident, now and at most."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

STATM, STATUS = Path("/proc/self/statm"), Path("/proc/self/status")
KILO = 1024 if sys.platform != "darwin" else 1  # the unit of ru_maxrss


def rss_now() -> int:
    """Bytes resident now; the peak where the system does not tell."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return rss_peak()


def rss_peak() -> int:
    """The most bytes that were ever resident since this program began.

    `getrusage` would count what its parent had when it started this one.
    """
    try:
        lines = STATUS.read_text(encoding="ascii").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILO
