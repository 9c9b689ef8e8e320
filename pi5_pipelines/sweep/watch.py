"""The watch over lanes: a combination that does not end is given up, and the process with it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.sweep.chunk import Crew

LOOKS = 8  # in the time that a combination may take
SHORTEST_LOOK_S, LONGEST_LOOK_S = 0.02, 0.5


class Watch:
    """Looks at the lanes from a thread of its own; compiled code cannot be stopped, so `give_up` must end the process.

    `give_up` is called with the number of a combination that has run for `timeout_s`.
    """

    def __init__(self, crew: Crew, timeout_s: float, give_up: Callable[[int], None]) -> None:
        self._crew = crew
        self._timeout_s = timeout_s
        self._give_up = give_up
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        every = min(max(self._timeout_s / LOOKS, SHORTEST_LOOK_S), LONGEST_LOOK_S)
        seen = self._crew.current()
        since = [time.monotonic()] * len(seen)
        while not self._ended.wait(every):
            now = self._crew.current()
            for place, one in enumerate(now):
                if one is None or one != seen[place]:
                    since[place] = time.monotonic()
                elif time.monotonic() - since[place] > self._timeout_s:
                    self._give_up(one[0])
            seen = now
