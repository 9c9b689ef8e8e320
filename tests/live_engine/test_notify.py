"""What systemd is told must hold up nobody."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from live_engine.notify import Notifier


def test_what_is_told_arrives() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(Path(folder) / "n"))
        Notifier({"NOTIFY_SOCKET": str(Path(folder) / "n")}).ready()
        assert told.recv(100) == b"READY=1"


def test_a_reader_that_never_reads_does_not_stop_the_engine() -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(str(Path(folder) / "n"))
        notifier = Notifier({"NOTIFY_SOCKET": str(Path(folder) / "n")})
        for _ in range(3_000):  # more than any queue of datagrams holds
            notifier.alive()
        assert told.recv(100) == b"WATCHDOG=1"
