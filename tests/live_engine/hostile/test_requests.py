"""Hostile requests over HTTP: each is told in a problem document what is wrong, and the engine trades on."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

from tests.live_engine.hostile.engines import order, run

if TYPE_CHECKING:
    from tests.live_engine.hostile.engines import Engine

pytestmark = pytest.mark.xdist_group("hostile-requests")
ORDERS, TICKETS, KILL = "/api/v1/orders", "/api/v1/tickets", "/api/v1/kill-switch"
DAY_NS = 86_400 * 1_000_000_000


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 60_000, 422),
        (b"\xff\xfe", 400),
        (b'{"quantity": NaN}', 400),
        (b"[]", 422),
        (order(quantity=10), 422),
        (order(quantity="NaN"), 422),
        (order(quantity="-1"), 422),
        (order(quantity="0"), 422),
        (order(quantity="0.5"), 422),
        (order(quantity="9" * 400), 422),
        (order(limit_price="-50.00"), 422),
        (order(limit_price="50.001"), 422),
        (order(limit_price=None), 422),
        (order(stop_price="50.00"), 422),
        (order(symbol="NONE"), 422),
        (order(symbol="\u0410"), 422),
        (order(colour="red"), 422),
        (order("\u00e4-1"), 422),
        (order("a\u200b1"), 422),
        (order("a-1:1"), 422),
        (order("sma_cross-A-1764170040-1"), 422),
        (order("flatten-1764170040000000-0"), 422),
        (order(parent="nobody"), 422),
        (order(replaces="nobody"), 422),
        (order("too-much", quantity="1000000000000"), 422),
        (order("too-dear", limit_price="500.00"), 422),
        (b'{"client_order_id":"a","symbol":"A","side":"buy","type":"market","quantity":' + b"9" * 400 + b".5}", 422),
        (b" " * 1_000_000, 413),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, int) else "",
)
def test_a_wrong_order_is_a_problem_that_names_the_way_out(engine: Engine, body: object, status: int) -> None:
    before = working(engine)
    assert engine.call("POST", ORDERS, body, role="trader").is_problem(status)
    assert working(engine) == before


def working(engine: Engine) -> list[dict[str, object]]:
    found: list[dict[str, object]] = engine.call("GET", f"{ORDERS}?state=open", role="viewer").json["orders"]
    return found


def test_who_does_not_sign_in_gets_nothing(engine: Engine) -> None:
    for method, path in (("GET", "/api/v1/account"), ("POST", ORDERS), ("DELETE", f"{ORDERS}/a"), ("POST", KILL)):
        assert engine.call(method, path, order()).is_problem(401)
    assert engine.call("GET", "/api/v1/openapi.json").is_problem(401)


def test_a_token_that_is_unknown_expired_or_revoked_opens_nothing(engine: Engine) -> None:
    assert engine.call("GET", "/api/v1/account", token="pi5_nonsense").is_problem(401)  # noqa: S106 - it opens nothing
    old = engine.tokens.create("old", "admin", 1, time.time_ns() - 2 * DAY_NS)
    expired = engine.call("GET", "/api/v1/account", token=old)
    assert expired.is_problem(401)
    assert "expired" in expired.json["detail"]
    lost = engine.tokens.create("lost", "trader", 1, time.time_ns())
    assert engine.call("GET", "/api/v1/account", token=lost).status == 200
    engine.tokens.revoke("lost", time.time_ns())
    revoked = engine.call("POST", ORDERS, order("of-lost"), token=lost)
    assert revoked.is_problem(401)
    assert "revoked" in revoked.json["detail"]


def test_nobody_gets_the_name_by_which_the_journal_calls_the_engine(engine: Engine) -> None:
    done = run(engine.config, "token", "create", "--role", "admin", "--name", "contingency")
    assert (done.returncode, done.stdout) == (1, "")
    assert "'contingency' is the engine's own" in done.stderr


def test_a_role_that_is_too_small_changes_nothing(engine: Engine) -> None:
    assert engine.call("POST", ORDERS, order("of-viewer"), role="viewer").is_problem(403)
    assert engine.call("DELETE", f"{ORDERS}/alive-0", role="viewer").is_problem(403)
    assert engine.call("POST", KILL, {"action": "flatten"}, role="viewer").is_problem(403)
    assert engine.call("POST", KILL, {"action": "rearm"}, role="trader").is_problem(403)
    assert engine.call("GET", f"{ORDERS}/of-viewer", role="viewer").is_problem(404)
    assert engine.call("GET", KILL, role="viewer").json["armed"]


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
    ],
    ids=str,
)
def test_a_page_from_elsewhere_is_refused(engine: Engine, headers: dict[str, str]) -> None:
    assert engine.call("POST", ORDERS, order("from-elsewhere"), role="trader", headers=headers).is_problem(403)
    assert engine.call("GET", "/health", headers=headers).is_problem(403)


def test_the_same_order_again_is_the_first_and_another_under_its_id_a_conflict(engine: Engine) -> None:
    first = engine.place(order("twice"))
    assert first.status == 201
    again = engine.place(order("twice", limit_price="50.0"))
    assert (again.status, again.json["seq"]) == (200, first.json["seq"])
    assert engine.place(order("twice", quantity="11")).is_problem(409)
    assert engine.call("DELETE", f"{ORDERS}/twice", role="trader").status in (200, 202)
    assert engine.place(order("twice")).status == 200


def exchange(engine: Engine, data: bytes) -> bytes:
    """All that comes back until the connection ends, or nothing more does."""
    with engine.raw() as connection:
        connection.settimeout(2.0)
        connection.sendall(data)
        found = b""
        try:
            while part := connection.recv(65_536):
                found += part
        except (TimeoutError, ConnectionResetError):
            pass
        return found


SMUGGLED = b'{"action":"halt"}'


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        ("Transfer-Encoding: chunked\r\nContent-Length: 4", b"0\r\n\r\n"),
        ("Transfer-Encoding: xchunked", b""),
        ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"0\r\n\r\n"),
        ("Transfer-Encoding : chunked", b"0\r\n\r\n"),
        ("Content-Length: 2\r\nContent-Length: 0", b"{}"),
        ("Content-Length: +0", b""),
        ("Content-Length: 0\r\nHost: evil.example", b""),
        ("Transfer-Encoding: chunked", b"ZZ\r\n"),
        ("Transfer-Encoding: chunked", b'2;a="\nxx"\r\n{}\r\n0\r\n\r\n'),
        ("X: a\0b", b""),
    ],
)
def test_a_second_request_hidden_in_a_first_one_is_not_heard(engine: Engine, lines: str, body: bytes) -> None:
    mine = f"Host: 127.0.0.1:{engine.port}\r\nAuthorization: Bearer {engine.secrets['admin']}\r\n"
    hidden = f"POST {KILL} HTTP/1.1\r\n{mine}Content-Length: {len(SMUGGLED)}\r\n\r\n".encode() + SMUGGLED
    found = exchange(engine, f"POST {TICKETS} HTTP/1.1\r\n{mine}{lines}\r\n\r\n".encode() + body + hidden)
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"400"]
    assert b"application/problem+json" in found
    assert b'"hint"' in found
    assert engine.call("GET", KILL, role="viewer").json["armed"]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
        b"GET /health\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x00" * 20_000,
        b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n\x00\xff garbage\r\n\r\n",
    ],
    ids=["tls", "http/0.9", "http/2", "zeros", "garbage behind a request"],
)
def test_what_is_no_http_is_told_so(engine: Engine, data: bytes) -> None:
    found = exchange(engine, data)
    assert re.findall(rb"HTTP/1.1 (4\d+)", found) == [b"400"]
    assert found.endswith(b"}")
    assert b'"hint"' in found


def test_a_hundred_requests_behind_each_other_are_answered_in_order(engine: Engine) -> None:
    one = f"GET /api/v1/nothing HTTP/1.1\r\nHost: 127.0.0.1:{engine.port}\r\n"
    found = exchange(engine, f"{one}\r\n".encode() * 99 + f"{one}Connection: close\r\n\r\n".encode())
    assert re.findall(rb"HTTP/1.1 (\d+)", found) == [b"404"] * 100


@pytest.mark.slow
def test_slow_headers_and_bodies_hold_nobody_up(engine: Engine) -> None:
    head = f"POST {ORDERS} HTTP/1.1\r\nHost: 127.0.0.1:{engine.port}\r\n"
    known = f"Authorization: Bearer {engine.secrets['trader']}\r\n"
    slow = [engine.raw() for _ in range(100)]
    bodies, headers = slow[:50], slow[50:]
    try:
        for one in bodies:
            one.sendall(f"{head}{known}Content-Length: 60000\r\n\r\n".encode())
        for one in headers:
            one.sendall(head.encode())
        for _ in range(8):
            for one in slow:
                one.send(b"x")
            began = time.monotonic()
            assert engine.call("GET", "/api/v1/account", role="viewer").status == 200
            assert time.monotonic() - began < 1.0
            time.sleep(0.5)
        assert engine.trades()
        for one in bodies:
            assert one.recv(65_536).startswith(b"HTTP/1.1 408 ")
        for one in headers:
            assert one.recv(65_536) == b""
    finally:
        for one in slow:
            one.close()
