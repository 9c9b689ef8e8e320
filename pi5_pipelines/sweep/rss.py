"""How much memory this process has resident, now and at most."""

from __future__ import annotations

import os
import resource
import sys
from pathlib import Path

STATM = Path("/proc/self/statm")
KILO = 1024 if sys.platform != "darwin" else 1  # the unit of ru_maxrss


def rss_now() -> int:
    """Bytes resident now; the peak where the system does not tell."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return rss_peak()


def rss_peak() -> int:
    """The most bytes that were ever resident."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILO
