"""The way of the journal's answers from its thread into the event loop: in order, and many with one wake-up."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from live_engine.events import Body, Event

    Done = Future[tuple[Event, ...]]
    Waiter = asyncio.Future[tuple[Event, ...]]
    Take = Callable[[Done, Waiter, Sequence[Body]], None]


class Answers:
    """Hands each answer to `take`, in the loop."""

    def __init__(self, take: Take) -> None:
        self._take = take
        self._there: deque[tuple[Done, Waiter, Sequence[Body]]] = deque()
        self._woken = False

    def put(self, loop: asyncio.AbstractEventLoop, done: Done, waiter: Waiter, bodies: Sequence[Body]) -> None:
        """In the journal's thread: an answer is there."""
        self._there.append((done, waiter, bodies))
        if not self._woken:
            self._woken = True
            loop.call_soon_threadsafe(self._take_all)

    def _take_all(self) -> None:
        self._woken = False  # first: an answer that comes from here on wakes the loop again, at worst for nothing
        while self._there:
            self._take(*self._there.popleft())
