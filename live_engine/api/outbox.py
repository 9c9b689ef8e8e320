"""What waits to be sent to one client of the stream. It has an end: nobody's slowness costs the engine memory.

While little waits, everything is kept. Beyond that, a newer value of a state takes the place of the older one that
still waits: the client sees by the topic's `seq` that something was left out. When too much waits even so, the client
is cut off: a gap in fills or events would be worse than a reconnection.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

KEEP_ALL = 64
MOST = 1_024
MOST_BYTES = 4_194_304


@dataclass(frozen=True, slots=True)
class End:
    """Why a stream ends: the WebSocket's close code and its reason."""

    code: int
    reason: str


class Ended(Exception):  # noqa: N818 - an end, not an error
    """Nothing more is to be sent."""

    def __init__(self, end: End) -> None:
        super().__init__(end.reason)
        self.end = end


SLOW = End(4408, "too slow: subscribe to less, or read faster")


class Outbox:
    """Messages in the order in which they are to be sent."""

    def __init__(self, *, keep_all: int = KEEP_ALL, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.keep_all = keep_all
        self.most = most
        self.most_bytes = most_bytes
        self.conflated = 0
        self.ended: End | None = None
        self._waiting: dict[int, tuple[tuple[str, str] | None, str]] = {}
        self._latest: dict[tuple[str, str], int] = {}
        self._bytes = 0
        self._number = 0
        self._news = asyncio.Event()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, text: str, state: tuple[str, str] | None = None) -> None:
        """Add a message; `state` is the topic and key of which only the latest value counts, None if each one does."""
        if self.ended is not None:
            return
        older = self._latest.get(state) if state is not None else None
        if older is not None and len(self._waiting) >= self.keep_all:
            self._bytes -= len(self._waiting.pop(older)[1])
            self.conflated += 1
        if len(self._waiting) >= self.most or self._bytes + len(text) > self.most_bytes:
            self.end(SLOW)
            return
        self._number += 1
        self._waiting[self._number] = (state, text)
        self._bytes += len(text)
        if state is not None:
            self._latest[state] = self._number
        self._news.set()

    def end(self, end: End) -> None:
        """Send nothing more, not even what waits."""
        self.ended = self.ended or end
        self._waiting.clear()
        self._latest.clear()
        self._news.set()

    async def next(self) -> str:
        """The next message; raises Ended."""
        while not self._waiting:
            if self.ended is not None:
                raise Ended(self.ended)
            self._news.clear()
            await self._news.wait()
        number = next(iter(self._waiting))
        state, text = self._waiting.pop(number)
        self._bytes -= len(text)
        if state is not None and self._latest.get(state) == number:
            del self._latest[state]
        return text
