"""The file of log lines: at most three of 10 MB, and no line older than seven days.

What is full becomes NAME.1, what that was NAME.2, and what that was goes. So that age has its way too, a file is also
set aside when its first line is half of the seven days old, and an older one goes once its first line is as old as
all of them. Between three and a half and seven days are kept, or 30 MB of them where those are less.

Nothing is flushed to the device: what must outlive a power cut is in the journal.
"""

from __future__ import annotations

import errno
import os
import time
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from live_engine.durable import make_folder
from live_engine.logs.lines import Entry

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGEST_BYTES = 10_000_000
FILES = 3
KEEP_S = 7 * 86_400.0
LONGEST_LINE = 131_072


class LogFile:
    """Lines at `path`. Every call may raise OSError, and the next one tries anew; `wall` answers seconds of UTC."""

    def __init__(
        self, path: Path, *, wall: Callable[[], float] = time.time, largest_bytes: int = LARGEST_BYTES
    ) -> None:
        self._path, self._wall, self._largest_bytes = path, wall, largest_bytes
        self._handle = -1
        self._bytes = 0
        self._began = 0.0
        self._is_torn = False

    def write(self, line: bytes) -> None:
        """Append a line that ends with a line break."""
        try:
            self._write(line)
        except OSError:
            self.close()  # what is opened anew may be mended
            raise

    def tidy(self) -> None:
        """Let age have its way though nothing is written."""
        if self._handle < 0:
            self._open()
        if self._bytes and self._is_old():
            self._set_aside()
        self._remove_old()

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _open(self) -> None:
        make_folder(self._path.parent)
        self._remove_old()
        self._handle = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        self._bytes = os.fstat(self._handle).st_size
        self._began = _first_at(self._path) if self._bytes else self._wall()
        self._is_torn = bool(self._bytes) and os.pread(self._handle, 1, self._bytes - 1) != b"\n"  # a power cut

    def _write(self, line: bytes) -> None:
        if self._handle < 0:
            self._open()
        if self._bytes and (self._bytes + len(line) > self._largest_bytes or self._is_old()):
            self._set_aside()
        if not self._bytes:
            self._began = self._wall()
        data = b"\n" + line if self._is_torn else line
        written = os.write(self._handle, data)
        self._bytes += written
        self._is_torn = written < len(data)
        if self._is_torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _is_old(self) -> bool:
        return self._wall() - self._began > KEEP_S / 2

    def _set_aside(self) -> None:
        self.close()
        for number in range(FILES - 1, 0, -1):
            newer = self._older(number - 1) if number > 1 else self._path
            if newer.exists():
                newer.replace(self._older(number))
        self._open()

    def _remove_old(self) -> None:
        for number in range(1, FILES):
            older = self._older(number)
            if older.exists() and self._wall() - _first_at(older) > KEEP_S:
                older.unlink()

    def _older(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")


def _first_at(path: Path) -> float:
    """When a file's first line was written; where that cannot be read, when its last was."""
    try:
        with path.open("rb") as file:
            return datetime.fromisoformat(msgspec.json.decode(file.readline(LONGEST_LINE), type=Entry).at).timestamp()
    except (msgspec.MsgspecError, ValueError):
        return path.stat().st_mtime
