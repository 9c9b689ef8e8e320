"""What systemd is told: that the engine is ready, that it lives, that it goes down.

The protocol is that of sd_notify(3): one datagram to the socket that NOTIFY_SOCKET names.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HALF = 2  # of the watchdog's time: one ping may be late


class Notifier:
    """Tells systemd, where it listens; without it, says nothing to nobody."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self.ping_every_s = int(environ.get("WATCHDOG_USEC", "0")) / 1e6 / HALF

    def ready(self) -> None:
        """State is restored and trading begins."""
        self._send("READY=1")

    def alive(self) -> None:
        """The loop turns and the device takes what is written."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """An orderly end has begun."""
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # A name that begins with @ lies in no folder: its first byte is zero.
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        # That nobody listens, or reads, is no reason to stop trading; systemd acts upon silence by itself.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
            sender.sendto(text.encode(), address)
