"""Hostile clients of the stream: they are cut off with a reason, and the engine trades on."""

from __future__ import annotations

import contextlib
import json
import time
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

    from tests.live_engine.hostile.engines import Engine

pytestmark = pytest.mark.xdist_group("hostile-streams")


def stream(engine: Engine, more: str = "", **headers: str) -> ClientConnection:
    address = f"ws://127.0.0.1:{engine.port}/api/v1/stream{more}"
    return connect(address, additional_headers=headers, proxy=None, close_timeout=0.5)


def closing(connection: ClientConnection) -> int:
    """The code that it is closed with."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            connection.recv(timeout=20)
    assert connection.close_code is not None
    return connection.close_code


def ticket(engine: Engine) -> str:
    return json.dumps({"op": "auth", "ticket": engine.call("POST", "/api/v1/tickets", role="viewer").json["ticket"]})


def test_a_ticket_opens_once(engine: Engine) -> None:
    first = ticket(engine)
    with stream(engine) as one, stream(engine) as other:
        one.send(first)
        assert json.loads(one.recv(timeout=10))["op"] == "welcome"
        other.send(first)
        assert closing(other) == 4401


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 4400),
        ('{"op": "subscribe", "topics": ["orders"]}', 4401),
        ('{"op": "auth", "ticket": "none"}', 4401),
        ('{"op": "auth", "ticket": "none", "more": 1}', 4400),
        (b"\xff\x00", 4400),
        ("x" * 100_000, 1009),
    ],
)
def test_a_first_message_that_is_no_ticket_ends_it(engine: Engine, message: str | bytes, code: int) -> None:
    with stream(engine) as one:
        one.send(message)
        assert closing(one) == code


@pytest.mark.parametrize(
    ("more", "headers", "status"),
    [
        ("?token=secret", {}, 400),
        ("", {"Origin": "http://evil.example"}, 403),
        ("", {"Authorization": "Bearer pi5_nonsense"}, 401),
    ],
)
def test_a_handshake_that_is_refused_is_a_problem(
    engine: Engine, more: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        stream(engine, more, **headers)
    response = caught.value.response
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(response.body or b"")["hint"]


def test_a_flood_of_subscriptions_that_nobody_reads_ends_and_trading_goes_on(engine: Engine) -> None:
    flood = json.dumps({"op": "subscribe", "topics": ["orders", "prices", "events", "bars", "account"]})
    with stream(engine, Authorization=f"Bearer {engine.secrets['viewer']}") as one:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(3_000):
                one.send(flood)
        began = time.monotonic()
        assert engine.trades()
        assert time.monotonic() - began < 5.0


@pytest.mark.slow
def test_who_does_not_sign_in_is_cut_off_after_five_seconds(engine: Engine) -> None:
    with stream(engine) as one:
        began = time.monotonic()
        assert closing(one) == 4401
        assert 3.0 < time.monotonic() - began < 10.0
