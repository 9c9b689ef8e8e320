"""Logging never waits for where lines go, and what was lost is told."""

from __future__ import annotations

import logging
import threading
import time
from typing import TYPE_CHECKING

from live_engine.logs.lines import json_line
from live_engine.logs.sink import Sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.logs.lines import Entry


def message(entry: Entry) -> bytes:
    return f"{entry.message}\n".encode()


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("x", logging.INFO, __file__, 1, text, (), None)


class Device:
    """Takes lines while it is `open`, refuses them while it has an `error`."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.open = threading.Event()
        self.open.set()
        self.error: OSError | None = None
        self.tidied = 0
        self.closed = False

    def write(self, line: bytes) -> None:
        """Take a line."""
        assert self.open.wait(30)
        if self.error:
            raise self.error
        self.lines.append(line.decode().strip())

    def tidy(self) -> None:
        """Count."""
        self.tidied += 1

    def close(self) -> None:
        """End."""
        self.closed = True


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_all_lines_are_there_in_order_when_it_is_closed() -> None:
    device = Device()
    sink = Sink(device, message, place="there")
    for number in range(1_000):
        sink.handle(record(str(number)))
    sink.close()
    assert device.lines == [str(number) for number in range(1_000)]
    assert device.closed
    sink.close()  # a second time, as at the interpreter's end, is nothing


def test_a_device_that_hangs_holds_nobody_up_and_what_it_missed_is_told() -> None:
    device = Device()
    device.open.clear()
    sink = Sink(device, message, place="there", most_waiting=10)
    sink.handle(record("0"))
    until(sink._waiting.empty)  # noqa: SLF001 - the thread hangs in write with it
    for number in range(1, 1_001):
        sink.handle(record(str(number)))
    assert sink.lost == 990
    device.open.set()
    sink.close()
    assert device.lines == [
        "0",
        "990 lines before this one were lost, or came too fast",
        *map(str, range(1, 11)),
    ]


def test_closing_does_not_wait_for_a_device_that_hangs_for_good() -> None:
    device = Device()
    device.open.clear()
    sink = Sink(device, message, place="there", most_waiting=1)
    for _ in range(5):
        sink.handle(record("x"))
    began = time.monotonic()
    sink.close()
    assert time.monotonic() - began < 8
    device.open.set()
    sink.close()


def test_a_full_disk_is_told_once_elsewhere_and_in_the_file_when_there_is_room() -> None:
    device, elsewhere = Device(), Device()
    other = Sink(elsewhere, message, place="stderr")
    sink = Sink(device, message, place="/logs/a", on_trouble=other.handle)
    device.error = OSError(28, "No space left on device")
    for number in range(3):
        sink.handle(record(str(number)))
    until(lambda: sink.lost == 3)
    device.error = None
    sink.handle(record("again"))
    sink.close()
    other.close()
    assert device.lines == ["again", "3 lines before this one were lost, or came too fast"]
    assert elsewhere.lines == ["no lines can be written to /logs/a: [Errno 28] No space left on device"]


def test_it_tidies_at_the_start_and_from_time_to_time_though_nothing_is_logged() -> None:
    device = Device()
    sink = Sink(device, json_line, place="there", tidy_every_s=0.01)
    until(lambda: device.tidied >= 3)
    sink.close()
