"""Where log lines go: HOME/logs/live-engine.jsonl for later, stderr for whoever looks now (a terminal, or journald)."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, TextIO

from live_engine.logs.file import LogFile
from live_engine.logs.lines import json_line, line_for
from live_engine.logs.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


class Stream:
    """A text stream as a target."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write and flush."""
        self._stream.write(line.decode())
        self._stream.flush()

    def tidy(self) -> None:
        """Others keep what was written."""

    def close(self) -> None:
        """It is not ours to close."""


def log_file(home: Path) -> Path:
    """Where the lines are kept."""
    return home / "logs" / "live-engine.jsonl"


def configure(home: Path, environ: Mapping[str, str]) -> Callable[[], None]:
    """Send what any library logs (info and above) both ways; the answer ends that, with all that waits written.

    Nothing here raises, and no logging call waits: without a folder, without room, with a device that hangs the engine
    trades on. Each way has its thread, so that a disk that hangs does not silence the other one.
    """
    root, path = logging.getLogger(), log_file(home)
    level = root.level
    to_stderr = Sink(Stream(sys.stderr), line_for(environ.get("JOURNAL_STREAM", "")), place="stderr")
    to_file = Sink(LogFile(path), json_line, place=str(path), on_trouble=to_stderr.handle)
    root.setLevel(logging.INFO)
    root.addHandler(to_stderr)
    root.addHandler(to_file)
    logging.captureWarnings(capture=True)

    def stop() -> None:
        logging.captureWarnings(capture=False)
        root.removeHandler(to_file)
        root.removeHandler(to_stderr)
        root.setLevel(level)
        to_file.close()
        to_stderr.close()

    return stop
