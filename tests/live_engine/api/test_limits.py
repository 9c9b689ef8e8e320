"""Requests that are too large or too slow, answers that take too long, and what every answer carries."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from live_engine.api.limits import Bounds
from live_engine.api.patience import PatientProtocol
from live_engine.api.server import Capacity
from live_engine.api.testing import MemoryDesk
from tests.live_engine.api.conftest import order, raw, serving, until

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from live_engine.api.desk import Outcome
    from live_engine.events import OrderIntent
    from tests.live_engine.api.conftest import Served

ORDERS = "/api/v1/orders"


def head(api: Served, *lines: str) -> bytes:
    text = [f"POST {ORDERS} HTTP/1.1", f"Host: 127.0.0.1:{api.port}", f"Authorization: Bearer {api.secrets['trader']}"]
    return "\r\n".join([*text, *lines, "", ""]).encode()


def everything(connection: socket.socket) -> bytes:
    """All until the server closes."""
    parts = b""
    while part := connection.recv(65_536):
        parts += part
    return parts


def test_a_large_body_is_refused(api: Served) -> None:
    done = api.call("POST", ORDERS, b" " * 1_000_000, role="trader")
    assert (done.status, done.headers["content-type"]) == (413, "application/problem+json")
    assert done.headers["connection"] == "close"


def test_a_large_body_that_does_not_say_so_is_refused(api: Served) -> None:
    with raw(api.port) as connection:
        connection.sendall(head(api, "Transfer-Encoding: chunked"))
        chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
        connection.sendall(chunk * 5)
        assert everything(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_says_that_it_is_large_is_not_waited_for(api: Served) -> None:
    with raw(api.port) as connection:
        connection.sendall(head(api, "Content-Length: 999999999999"))
        assert everything(connection).startswith(b"HTTP/1.1 413 ")


def test_a_body_that_drips_is_given_up(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(bounds=Bounds(body_s=0.3))) as api, raw(api.port) as connection:
        began = time.monotonic()
        connection.sendall(head(api, "Content-Length: 100"))
        for _ in range(4):
            connection.sendall(b" ")
            time.sleep(0.05)
        answer = everything(connection)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b"application/problem+json" in answer
        assert time.monotonic() - began < 5
        assert not api.desk.journal


def test_headers_that_drip_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PatientProtocol, "headers_s", 0.3)
    with serving(tmp_path) as api, raw(api.port) as connection:
        began = time.monotonic()
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        assert everything(connection) == b""
        assert 0.2 < time.monotonic() - began < 5


def test_headers_that_drip_after_a_first_request_are_given_up_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "headers_s", 0.3)
    with serving(tmp_path) as api, raw(api.port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        first = b""
        while not first.endswith(b"}"):
            first += connection.recv(65_536)
        assert first.startswith(b"HTTP/1.1 200 ")
        time.sleep(0.4)  # an idle connection is no slow one
        connection.sendall(b"GET /health HTTP/1.1\r\n")
        assert everything(connection) == b""


def test_too_many_headers_are_refused(api: Served) -> None:
    done = api.call("GET", "/health", headers={f"x-{number}": "1" for number in range(65)})
    assert (done.status, done.json["type"].rpartition(":")[2]) == (431, "too-many-headers")


def test_a_header_without_end_is_refused(api: Served) -> None:
    with raw(api.port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nx: " + b"y" * 100_000)
        assert everything(connection).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("pieces", [1, 30])
def test_headers_that_are_too_long_are_refused_however_they_come(api: Served, pieces: int) -> None:
    piece = b"".join(b"x-%d: " % number + b"y" * 600 + b"\r\n" for number in range(30 // pieces))
    with raw(api.port) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        for _ in range(pieces):
            with suppress(ConnectionError):
                connection.sendall(piece)
                time.sleep(0.01)
        with suppress(ConnectionError):
            connection.sendall(b"\r\n")
        assert everything(connection).startswith(b"HTTP/1.1 431 ")


def test_trailers_without_end_are_cut_off(api: Served) -> None:
    with raw(api.port) as connection, suppress(ConnectionError):
        connection.sendall(head(api, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n")
        for _ in range(10_000):
            connection.sendall(b"x: " + b"y" * 1_000 + b"\r\n")
        raise AssertionError("ten megabytes of trailers were taken")


def test_requests_that_come_at_once_are_answered_in_turn(api: Served) -> None:
    one = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with raw(api.port) as connection:
        connection.sendall((one + b"\r\n") * 400 + one)
        connection.sendall(b"Connection: close\r\n\r\n")
        assert everything(connection).count(b"HTTP/1.1 200 ") == 401


@pytest.mark.parametrize(
    "line", [b"nonsense", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b", b"GET \xff HTTP/1.1", b"\x16\x03\x01"]
)
def test_what_is_no_http_is_a_problem_document_too(api: Served, line: bytes) -> None:
    with raw(api.port) as connection:
        connection.sendall(line + b"\r\n\r\n")
        answer = everything(connection)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in answer


class SlowDesk(MemoryDesk):
    """Takes its time to place an order."""

    async def place(self, intent: OrderIntent) -> Outcome:
        """Later."""
        await asyncio.sleep(0.5)
        return await super().place(intent)


def test_a_slow_answer_is_504_and_the_order_is_written_down_whole(tmp_path: Path) -> None:
    desk = SlowDesk()
    with serving(tmp_path, desk=desk, capacity=Capacity(bounds=Bounds(answer_s=0.1))) as api:
        done = api.call("POST", ORDERS, order(), role="trader")
        assert (done.status, done.json["type"].rpartition(":")[2]) == (504, "too-slow")
        until(lambda: "a-1" in desk.book.orders)
        assert api.call("GET", f"{ORDERS}/a-1", role="trader").json["status"] == "NEW"


def test_an_order_whose_sender_hangs_up_is_placed_all_the_same(tmp_path: Path) -> None:
    desk = SlowDesk()
    with serving(tmp_path, desk=desk) as api:
        body = b'{"client_order_id":"a-1","symbol":"AAPL","side":"buy","type":"market","quantity":"1"}'
        with raw(api.port) as connection:
            connection.sendall(head(api, f"Content-Length: {len(body)}") + body)
            until(lambda: len(desk.journal) == 1)
        until(lambda: "a-1" in desk.book.orders)


@pytest.mark.parametrize("path", ["/health", "/api/v1/account", "/nothing"])
def test_every_answer_carries_the_security_headers(api: Served, path: str) -> None:
    told = api.call("GET", path).headers
    assert told["content-security-policy"].startswith("default-src 'self'")
    assert "frame-ancestors 'none'" in told["content-security-policy"]
    assert told["x-content-type-options"] == "nosniff"
    assert told["x-frame-options"] == "DENY"
    assert told["referrer-policy"] == "no-referrer"
    assert told["cache-control"] == "no-store"
    assert "server" not in told
    assert "access-control-allow-origin" not in told
