"""A real server on a free loopback port in front of a desk in memory, and a token of each role."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import pytest

from live_engine.api.server import Capacity, build, listen, serve
from live_engine.api.testing import MemoryDesk
from live_engine.api.tokens import RANK, Tokens, tokens_file
from live_engine.settings import LiveSettings
from tests.live_engine.calling import Calling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NS_PER_S = 1_000_000_000


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now_ns: int = 1_700_000_000 * NS_PER_S

    def __call__(self) -> int:
        """Nanoseconds."""
        return self.now_ns

    def pass_s(self, seconds: float) -> None:
        """Let time go by."""
        self.now_ns += int(seconds * NS_PER_S)


@dataclass
class Served(Calling):
    """A running API."""

    port: int
    desk: MemoryDesk
    tokens: Tokens
    clock: Clock
    loop: asyncio.AbstractEventLoop
    secrets: dict[str, str] = field(default_factory=dict)

    def do(self, action: Callable[[], object]) -> None:
        """Do something in the server's event loop, and wait until it is done."""

        async def inside() -> None:
            action()

        asyncio.run_coroutine_threadsafe(inside(), self.loop).result(10)


@contextmanager
def serving(
    home: Path, *, desk: MemoryDesk | None = None, live: LiveSettings | None = None, capacity: Capacity | None = None
) -> Iterator[Served]:
    """A server for the time of a block; `live` names its settings, but for the port."""
    clock = Clock()
    tokens = Tokens(tokens_file(home))
    secrets: dict[str, str] = {role: tokens.create(role, role, 30, clock()) for role in RANK}
    settings = live or LiveSettings()
    bound = listen(_on_any_port(settings))
    desk = desk or MemoryDesk()
    stop = asyncio.Event()
    began = threading.Event()
    failures: list[BaseException] = []
    loop = asyncio.new_event_loop()

    async def run() -> None:
        app = build(desk, settings, tokens, wall=clock, clock=clock, capacity=capacity)
        loop.call_soon(began.set)
        await serve(app, settings, bound, stop)

    def main() -> None:
        try:
            loop.run_until_complete(run())
        except BaseException as error:  # noqa: BLE001 - told by the test that waits
            failures.append(error)
            began.set()
        finally:
            loop.close()

    thread = threading.Thread(target=main)
    thread.start()
    assert began.wait(10)
    port = bound.getsockname()[1]
    try:
        yield Served(port, desk, tokens, clock, loop, secrets)
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        thread.join(20)
        assert not thread.is_alive()
        assert not failures, failures


def _on_any_port(settings: LiveSettings) -> LiveSettings:
    """Port 0: the operating system chooses."""
    return msgspec.structs.replace(settings, port=0)


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def order(client_order_id: str = "a-1", /, **more: object) -> dict[str, object]:
    """A good order, with changes."""
    fields: dict[str, object] = {
        "symbol": "AAPL",
        "side": "buy",
        "type": "limit",
        "quantity": "10",
        "limit_price": "150.00",
    }
    return {"client_order_id": client_order_id, **fields, "time_in_force": "gtc", **more}


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as served:
        yield served


def raw(port: int) -> socket.socket:
    """A bare connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=20)
