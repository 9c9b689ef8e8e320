"""Between those who log and where lines go: they never wait for it, however slow or full that is."""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from live_engine.logs.lines import entry_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.logs.lines import Entry

MOST_WAITING = 2_000
TIDY_EVERY_S = 3_600.0
PATIENCE_S = 2.0
log = logging.getLogger("live_engine.logs")


class Target(Protocol):
    """Where lines go; each call may raise OSError."""

    def write(self, line: bytes) -> None:
        """Take a line that ends with a line break."""

    def tidy(self) -> None:
        """Called at the start and every hour."""

    def close(self) -> None:
        """It is over."""


class Sink(logging.Handler):
    """A handler with a thread of its own. Lines that `target` does not take are counted, and told when it takes again.

    `lost` counts them since the beginning. `on_trouble` gets one record each time that the target begins to refuse.
    """

    def __init__(
        self,
        target: Target,
        line: Callable[[Entry], bytes],
        *,
        place: str,
        most_waiting: int = MOST_WAITING,
        tidy_every_s: float = TIDY_EVERY_S,
        on_trouble: Callable[[logging.LogRecord], object] | None = None,
    ) -> None:
        super().__init__()
        self.lost = self._told = 0
        self._is_refusing = False
        self._target, self._line, self._place = target, line, place
        self._tidy_every_s, self._on_trouble = tidy_every_s, on_trouble
        self._waiting: queue.Queue[Entry | None] = queue.Queue(most_waiting)
        self._counting = threading.Lock()
        self._thread = threading.Thread(target=self._run, name=f"log to {place}", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record, without waiting for anything but memory."""
        try:
            self._waiting.put_nowait(entry_of(record))
        except queue.Full:
            self._lose()

    def close(self) -> None:
        """Write what waits, for some seconds at most; whatever is logged after that goes nowhere."""
        if self._thread.is_alive():
            with suppress(queue.Full):
                self._waiting.put(None, timeout=PATIENCE_S)
                self._thread.join(PATIENCE_S)
        super().close()

    def _run(self) -> None:
        """The thread."""
        tidy_at = time.monotonic()
        while True:
            if time.monotonic() >= tidy_at:
                tidy_at = time.monotonic() + self._tidy_every_s
                self._has_done(self._target.tidy)
            try:
                entry = self._waiting.get(timeout=max(0.0, tidy_at - time.monotonic()))
            except queue.Empty:
                continue
            if entry is None:
                break
            self._take(entry)
        self._has_done(self._target.close)

    def _take(self, entry: Entry) -> None:
        line = self._line(entry)
        if not self._has_done(lambda: self._target.write(line)):
            self._lose()
            return
        lost = self.lost - self._told
        if lost:
            told = self._line(entry_of(_record(f"{lost} lines before this one were lost, or came too fast")))
            if self._has_done(lambda: self._target.write(told)):
                self._told += lost

    def _lose(self) -> None:
        with self._counting:
            self.lost += 1

    def _has_done(self, call: Callable[[], None]) -> bool:
        try:
            call()
        except (OSError, ValueError) as error:  # ValueError: a stream that somebody has closed
            is_news, self._is_refusing = not self._is_refusing, True
            if is_news and self._on_trouble is not None:
                self._on_trouble(_record(f"no lines can be written to {self._place}: {error}"))
            return False
        self._is_refusing = False
        return True


def _record(message: str) -> logging.LogRecord:
    return log.makeRecord(log.name, logging.WARNING, __file__, 0, message, (), None)
