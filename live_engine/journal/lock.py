"""One engine to a journal: a lock on a file beside it, given back by any kind of death."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from live_engine.errors import JournalLockedError


def take(path: Path) -> int:
    """Lock the journal at `path` and answer the handle to close; raises JournalLockedError naming the holder."""
    beside = Path(f"{path.resolve()}.lock")  # one lock whatever link leads to it
    handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    except BlockingIOError as error:
        holder = os.pread(handle, 32, 0).decode(errors="replace") or "unknown"
        os.close(handle)
        raise JournalLockedError(
            f"process {holder} writes this journal (lock {beside.name})",
            where=str(path),
            hint="two engines on one account double its orders: stop the other one first",
        ) from error
    except BaseException:
        os.close(handle)
        raise
    return handle
