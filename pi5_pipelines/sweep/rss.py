"""How much memory this process has resident, now and at most."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from pathlib import Path

STATM, STATUS, MAPS = Path("/proc/self/statm"), Path("/proc/self/status"), Path("/proc/self/maps")
DONT_NEED = 4  # MADV_DONTNEED
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


def give_back_code(library: str) -> None:
    """Let go of a loaded library's machine code that lies in memory; what is needed again comes back from its file.

    numba's compiler is 50 MB that nobody needs once the block is compiled. Only pages that are never written to
    (executable, private) are dropped; where the system does not offer that, nothing happens.
    """
    try:
        lines = MAPS.read_text(encoding="utf-8").splitlines()
        advise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return
    for line in lines:
        span, rights, *_, name = line.split()
        if rights == "r-xp" and library in name:
            first, end = (int(part, 16) for part in span.split("-"))
            advise(ctypes.c_void_p(first), ctypes.c_size_t(end - first), DONT_NEED)
