"""Where the API listens: a taken port, a foreign address, TLS, and how it ends."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import TYPE_CHECKING

import pytest

from live_engine.api.server import build, listen, serve
from live_engine.api.testing import MemoryDesk
from live_engine.api.throttle import MOST, Buckets, Lockout
from live_engine.api.tickets import MOST as MOST_TICKETS
from live_engine.api.tickets import Tickets
from live_engine.api.tokens import Token, Tokens, tokens_file
from live_engine.errors import ListenError
from live_engine.settings import LiveSettings
from tests.live_engine.api.conftest import Clock, raw, serving

if TYPE_CHECKING:
    from pathlib import Path


def test_a_taken_port_is_one_clear_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenError) as caught:
            listen(LiveSettings(port=port))
    assert str(caught.value).startswith(f"127.0.0.1 port {port}: cannot listen: Address already in use (")
    assert "live.port" in caught.value.hint


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])  # noqa: S104 - refused, not bound
def test_another_address_without_tls_or_proxy_is_refused(host: str) -> None:
    with pytest.raises(ListenError, match="other machines could reach it without TLS"):
        listen(LiveSettings(host=host))


def test_behind_a_proxy_another_address_may_be_bound() -> None:
    with listen(LiveSettings(host="0.0.0.0", port=0, behind_proxy=True)) as bound:  # noqa: S104 - as is tested
        assert bound.getsockname()[0] == "0.0.0.0"  # noqa: S104 - as is tested


def test_an_address_that_is_not_ours_is_one_clear_error() -> None:
    with pytest.raises(ListenError, match=r"192\.0\.2\.1 port 8080: cannot listen"):
        listen(LiveSettings(host="192.0.2.1", behind_proxy=True))


def test_tls_files_that_cannot_be_read_are_one_clear_error(tmp_path: Path) -> None:
    live = LiveSettings(port=0, tls_cert=str(tmp_path / "c.pem"), tls_key=str(tmp_path / "k.pem"))
    bound = listen(live)

    async def run() -> None:
        app = build(MemoryDesk(), live, Tokens(tokens_file(tmp_path)))
        await serve(app, live, bound, asyncio.Event())

    with pytest.raises(ListenError, match="No such file"):
        asyncio.run(run())
    assert bound.fileno() == -1


def test_it_ends_at_once_though_a_client_holds_its_connection(tmp_path: Path) -> None:
    with serving(tmp_path) as api:
        connection = raw(api.port)
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert connection.recv(65_536)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    connection.close()


def test_callers_that_are_remembered_have_an_end() -> None:
    clock = Clock()
    buckets, locks = Buckets(1.0, 1, clock), Lockout(clock)
    for number in range(MOST + 100):
        buckets.take(str(number))
        locks.failed(str(number))
    assert len(buckets._buckets) == len(locks._failures) == MOST  # noqa: SLF001 - what is bounded


def test_a_lock_is_not_made_longer_by_trying_on_and_failures_are_forgiven_in_time() -> None:
    clock = Clock()
    locks = Lockout(clock, most=3, window_s=60, lock_s=30)
    for _ in range(9):
        locks.failed("a")
    assert locks.waits("a") == 30
    clock.pass_s(30 + 61)
    locks.failed("a")
    locks.failed("a")
    assert locks.waits("a") == 0
    locks.failed("a")
    assert locks.waits("a") == 30


def test_a_clock_that_stands_still_fills_no_bucket() -> None:
    clock = Clock()
    buckets = Buckets(10.0, 5, clock)
    assert [buckets.take("a") for _ in range(6)] == [0, 0, 0, 0, 0, 0.1]
    clock.pass_s(0.1)
    assert buckets.take("a") == 0


def test_tickets_that_wait_have_an_end() -> None:
    tickets = Tickets(Clock())
    token = Token(name="me", role="viewer", sha256="", created_ns=0, expires_ns=1)
    given = [tickets.give(token) for _ in range(MOST_TICKETS + 1)]
    assert tickets.use(given[0]) is None
    assert tickets.use(given[1]) == token
    assert tickets.use(given[1]) is None
