"""The stream: who gets in, snapshots and sequences without gaps, and what becomes of slow clients."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack, suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from live_engine.api.desk import Update
from live_engine.api.server import Capacity
from live_engine.api.stream import Pace
from live_engine.api.tickets import LIFE_S
from tests.live_engine.api.conftest import order, raw, serving, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.live_engine.api.conftest import Served


def opened(
    api: Served, role: str = "", *, query: str = "", host: str = "127.0.0.1", **headers: str
) -> ClientConnection:
    sent = {"Authorization": f"Bearer {api.secrets[role]}"} if role else {}
    address = f"ws://{host}:{api.port}/api/v1/stream{query}"
    return connect(address, sock=raw(api.port), additional_headers=sent | headers, open_timeout=10, compression=None)


def say(client: ClientConnection, **message: object) -> None:
    client.send(json.dumps(message))


def hear(client: ClientConnection) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(client.recv(timeout=10))
    return told


def close_code(client: ClientConnection) -> int:
    with suppress(ConnectionClosed):
        while True:
            client.recv(timeout=10)
    assert client.close_code is not None
    return client.close_code


def subscribed(client: ClientConnection, *topics: str) -> dict[str, dict[str, Any]]:
    """Snapshots by topic."""
    assert hear(client)["op"] == "welcome"
    say(client, op="subscribe", topics=topics)
    return {told["topic"]: told for told in (hear(client) for _ in topics)}


def test_a_snapshot_is_followed_by_every_update_without_a_gap(api: Served) -> None:
    api.call("POST", "/api/v1/orders", order("a-1"), role="trader")
    with opened(api, "viewer") as client:
        first = subscribed(client, "orders", "fills")
        assert [item["key"] for item in first["orders"]["snapshot"]] == ["a-1"]
        api.do(lambda: api.desk.fill("a-1", "f-1", Decimal(4), Decimal("150.00")))
        api.do(lambda: api.desk.fill("a-1", "f-2", Decimal(6), Decimal("150.01")))
        told = [hear(client) for _ in range(4)]
    orders = [one for one in told if one["topic"] == "orders"]
    start = first["orders"]["seq"]
    assert [one["seq"] for one in orders] == [start + 1, start + 2]
    assert [one["data"]["status"] for one in orders] == ["PARTIALLY_FILLED", "FILLED"]
    fills = [one for one in told if one["topic"] == "fills"]
    assert [(one["seq"], one["data"]["price"]) for one in fills] == [(1, "150.00"), (2, "150.01")]


def test_everybody_gets_the_same_numbers_and_only_what_he_asked_for(api: Served) -> None:
    with opened(api, "viewer") as one, opened(api, "admin") as other:
        subscribed(one, "kill-switch")
        subscribed(other, "kill-switch", "events")
        api.call("POST", "/api/v1/kill-switch", {"action": "halt"}, role="trader")
        news = hear(one)
        assert (news["seq"], news["data"]["armed"]) == (1, False)
        told = [hear(other) for _ in range(3)]
        assert [told_one["data"]["body"]["type"] for told_one in told[:2]] == ["Audited", "KillSwitchSet"]
        assert told[2] == news


def test_who_has_left_a_topic_hears_no_more_of_it(api: Served) -> None:
    with opened(api, "viewer") as client:
        subscribed(client, "kill-switch", "health")
        say(client, op="unsubscribe", topics=["kill-switch"])
        say(client, op="subscribe", topics=["health"])
        assert hear(client)["topic"] == "health"  # so the first message was obeyed
        api.call("POST", "/api/v1/kill-switch", {"action": "halt"}, role="trader")
        say(client, op="subscribe", topics=["health"])
        assert hear(client)["topic"] == "health"


def test_a_ticket_opens_the_stream_once(api: Served) -> None:
    ticket = api.call("POST", "/api/v1/tickets", role="viewer").json["ticket"]
    with opened(api) as client:
        say(client, op="auth", ticket=ticket)
        told = hear(client)
        assert (told["op"], told["name"], told["role"]) == ("welcome", "viewer", "viewer")
    with opened(api) as client:
        say(client, op="auth", ticket=ticket)
        assert close_code(client) == 4401


def test_an_old_ticket_opens_nothing(api: Served) -> None:
    ticket = api.call("POST", "/api/v1/tickets", role="viewer").json["ticket"]
    api.clock.pass_s(LIFE_S)
    with opened(api) as client:
        say(client, op="auth", ticket=ticket)
        assert close_code(client) == 4401


def test_a_ticket_of_a_revoked_token_opens_nothing(api: Served) -> None:
    ticket = api.call("POST", "/api/v1/tickets", role="viewer").json["ticket"]
    api.tokens.revoke("viewer", api.clock())
    with opened(api) as client:
        say(client, op="auth", ticket=ticket)
        assert close_code(client) == 4401


def test_a_token_in_place_of_a_ticket_opens_nothing(api: Served) -> None:
    with opened(api) as client:
        say(client, op="auth", ticket=api.secrets["admin"])
        assert close_code(client) == 4401


def test_who_does_not_sign_in_is_let_go(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(pace=Pace(sign_in_s=0.2))) as api, opened(api) as client:
        assert close_code(client) == 4401


def test_who_asks_for_topics_before_signing_in_is_let_go(api: Served) -> None:
    with opened(api) as client:
        say(client, op="subscribe", topics=["orders"])
        assert close_code(client) == 4401


@pytest.mark.parametrize(
    ("make", "status"),
    [
        (lambda api: opened(api, "viewer", query="?token=x"), 400),
        (lambda api: opened(api, Authorization="Bearer nonsense"), 401),
        (lambda api: opened(api, "viewer", Origin="http://evil.example"), 403),
        (lambda api: opened(api, "viewer", Origin="null"), 403),
        (lambda api: opened(api, "viewer", host="evil.example"), 403),
    ],
)
def test_a_handshake_that_may_not_be_is_refused(
    api: Served, make: Callable[[Served], ClientConnection], status: int
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        make(api)
    assert refused.value.response.status_code == status
    assert b'"hint"' in (refused.value.response.body or b"")


def test_the_engines_own_page_may_open_a_stream(api: Served) -> None:
    with opened(api, "viewer", Origin=f"http://127.0.0.1:{api.port}") as client:
        assert hear(client)["op"] == "welcome"


@pytest.mark.parametrize(
    "message", ["", "{", "[]", '{"op":"buy"}', '{"op":"subscribe","topics":["secrets"]}', b"\xff", "[" * 10_000]
)
def test_a_message_that_cannot_be_read_ends_the_stream(api: Served, message: str | bytes) -> None:
    with opened(api, "viewer") as client:
        hear(client)
        client.send(message)
        assert close_code(client) == 4400


def test_a_message_that_is_too_large_ends_the_stream(api: Served) -> None:
    with opened(api, "viewer") as client:
        hear(client)
        client.send("x" * 100_000)
        assert close_code(client) == 1009


def test_the_stream_of_a_token_that_is_revoked_ends(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(pace=Pace(check_s=0.1))) as api, opened(api, "viewer") as client:
        subscribed(client, "orders")
        api.tokens.revoke("viewer", api.clock())
        assert close_code(client) == 4401


def test_only_so_many_streams_are_open_at_once(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(pace=Pace(clients=1))) as api:
        with opened(api, "viewer") as client:
            hear(client)
            with pytest.raises(InvalidStatus):
                opened(api, "viewer")
        until(lambda: b"ws_clients 0" in api.call("GET", "/metrics").body)
        with opened(api, "viewer") as client:
            hear(client)


def _slow(api: Served) -> ClientConnection:
    """A client that has little room for what it has not read."""
    bare = socket.socket()
    bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    bare.connect(("127.0.0.1", api.port))
    sent = {"Authorization": f"Bearer {api.secrets['viewer']}"}
    address = f"ws://127.0.0.1:{api.port}/api/v1/stream"
    return connect(address, sock=bare, additional_headers=sent, compression=None, max_queue=1)


def test_a_slow_client_sees_by_the_sequence_that_older_prices_were_left_out(api: Served) -> None:
    def prices(first: int) -> None:
        for number in range(first, first + 100):
            api.desk.tell(Update("prices", f"S{number % 3}", {"number": number, "filler": "x" * 8_000}))

    with _slow(api) as client:
        subscribed(client, "prices")
        for burst in range(10):
            api.do(lambda burst=burst: prices(burst * 100))  # type: ignore[misc]
        told: list[dict[str, Any]] = []
        while not told or told[-1]["seq"] < 1_000:
            told.append(hear(client))
    seqs = [one["seq"] for one in told]
    assert seqs == sorted(set(seqs))
    assert len(seqs) < 1_000
    assert all(one["data"]["number"] == one["seq"] - 1 for one in told)
    latest = {one["key"]: one["seq"] for one in told}
    assert latest == {"S0": 1_000, "S1": 998, "S2": 999}


def test_a_client_that_does_not_read_is_let_go_with_a_code(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(pace=Pace(send_s=0.5))) as api, _slow(api) as client:
        subscribed(client, "bars")

        def bars() -> None:
            for _ in range(1_200):
                api.desk.tell(Update("bars", "AAPL", {"filler": "x" * 2_000}))

        api.do(bars)
        assert close_code(client) == 4408
        until(lambda: b"ws_slow_total 1" in api.call("GET", "/metrics").body)
        until(lambda: b"ws_clients 0" in api.call("GET", "/metrics").body)


def test_streams_are_told_that_the_engine_goes_down(tmp_path: Path) -> None:
    with ExitStack() as after:
        with serving(tmp_path) as api:
            client = after.enter_context(opened(api, "viewer"))
            hear(client)
        assert close_code(client) == 1012
