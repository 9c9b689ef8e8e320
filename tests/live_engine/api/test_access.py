"""Credentials that open nothing, foreign hosts and pages, rates and lock-out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from live_engine.api.access import Rates
from live_engine.api.server import Capacity
from live_engine.api.tokens import NS_PER_DAY
from live_engine.settings import LiveSettings
from tests.live_engine.api.conftest import order, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.api.conftest import Served

ACCOUNT = "/api/v1/account"


def test_an_expired_token_is_refused(api: Served) -> None:
    assert api.call("GET", ACCOUNT, role="viewer").status == 200
    api.clock.now_ns += 30 * NS_PER_DAY
    done = api.call("GET", ACCOUNT, role="viewer")
    assert (done.status, done.json["detail"]) == (401, "the token has expired")


def test_a_revoked_token_is_refused_at_the_next_request(api: Served) -> None:
    assert api.call("GET", ACCOUNT, role="viewer").status == 200
    api.tokens.revoke("viewer", api.clock())
    done = api.call("GET", ACCOUNT, role="viewer")
    assert (done.status, done.json["detail"]) == (401, "the token is revoked")
    assert api.call("GET", ACCOUNT, role="trader").status == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer x", "Bearer \xff\xfe"])
def test_what_is_no_token_is_refused(api: Served, value: str) -> None:
    assert api.call("GET", ACCOUNT, headers={"Authorization": value}).status == 401


def test_a_token_in_the_address_opens_nothing(api: Served) -> None:
    secret = api.secrets["admin"]
    assert api.call("GET", f"{ACCOUNT}?token={secret}").status == 401


def test_tokens_that_cannot_be_trusted_open_nothing(api: Served) -> None:
    api.tokens.path.write_text("{")
    api.tokens.path.chmod(0o600)
    done = api.call("GET", ACCOUNT, role="viewer")
    assert done.status == 503
    assert "damaged" in done.json["detail"]
    assert api.call("GET", "/health").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[", ""])
def test_a_foreign_host_is_refused_everywhere(api: Served, host: str) -> None:
    for path in ("/health", ACCOUNT, "/nothing"):
        done = api.call("GET", path, role="viewer", headers={"Host": host})
        assert (done.status, done.json["type"].rpartition(":")[2]) == (403, "wrong-host")


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1", "[::1]:8080", "LOCALHOST"])
def test_a_forwarded_port_of_this_machine_is_no_foreign_host(api: Served, host: str) -> None:
    assert api.call("GET", ACCOUNT, role="viewer", headers={"Host": host}).status == 200


def test_a_name_that_was_allowed_is_no_foreign_host(tmp_path: Path) -> None:
    with serving(tmp_path, live=LiveSettings(allowed_hosts=("pi5.example",))) as api:
        assert api.call("GET", "/health", headers={"Host": "pi5.example"}).status == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://localhost:1", "http://[", "https://pi5"])
def test_another_origin_is_refused(api: Served, origin: str) -> None:
    done = api.call("POST", "/api/v1/orders", order(), role="trader", headers={"Origin": origin})
    assert (done.status, done.json["type"].rpartition(":")[2]) == (403, "wrong-origin")
    assert not api.desk.journal


def test_the_engines_own_page_may_ask(api: Served) -> None:
    own = f"http://127.0.0.1:{api.port}"
    assert api.call("GET", ACCOUNT, role="viewer", headers={"Origin": own}).status == 200


def test_a_credential_that_asks_too_often_waits_and_others_do_not(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(rates=Rates(credential=0.5, credential_burst=3))) as api:
        found = [api.call("GET", ACCOUNT, role="viewer") for _ in range(4)]
        assert [one.status for one in found] == [200, 200, 200, 429]
        assert found[-1].headers["retry-after"] == "2"
        assert api.call("GET", ACCOUNT, role="trader").status == 200
        api.clock.pass_s(2)
        assert api.call("GET", ACCOUNT, role="viewer").status == 200


def test_an_address_that_asks_too_often_waits(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(rates=Rates(address=1.0, address_burst=2))) as api:
        assert [api.call("GET", "/health").status for _ in range(3)] == [200, 200, 429]
        api.clock.pass_s(1)
        assert api.call("GET", "/health").status == 200


def test_who_shows_a_good_token_is_not_held_up_by_the_others_of_his_address(tmp_path: Path) -> None:
    with serving(tmp_path, capacity=Capacity(rates=Rates(address=0.01, address_burst=1))) as api:
        assert [api.call("GET", "/health").status for _ in range(2)] == [200, 429]
        assert api.call("GET", ACCOUNT, token="guess").status == 429  # noqa: S106 - a guess
        assert [api.call("GET", ACCOUNT, role="viewer").status for _ in range(3)] == [200] * 3
        assert api.call("GET", "/health").status == 429


def test_guessing_locks_the_address_for_longer_each_time(api: Served) -> None:
    def guess(number: int) -> int:
        return api.call("GET", ACCOUNT, token=f"guess-{number}").status

    assert [guess(number) for number in range(11)] == [401] * 10 + [429]
    assert api.call("GET", ACCOUNT, token="guess-x").headers["retry-after"] == "30"  # noqa: S106 - a guess
    api.clock.pass_s(30)
    assert [guess(number) for number in range(100, 110)] == [401] * 10
    assert api.call("GET", ACCOUNT, token="guess-y").headers["retry-after"] == "60"  # noqa: S106 - a guess


def test_a_locked_address_still_lets_a_good_token_stop_trading(api: Served) -> None:
    for number in range(11):
        api.call("GET", ACCOUNT, token=f"guess-{number}")
    assert api.call("POST", "/api/v1/kill-switch", {"action": "halt"}, role="trader").status == 200


def test_a_credential_that_keeps_asking_for_more_than_its_role_is_locked(api: Served) -> None:
    found = [api.call("POST", "/api/v1/orders", order(), role="viewer").status for _ in range(11)]
    assert found == [403] * 10 + [429]
    assert api.call("GET", ACCOUNT, role="viewer").status == 429
    assert api.call("GET", ACCOUNT, role="trader").status == 200
    api.clock.pass_s(31)
    assert api.call("GET", ACCOUNT, role="viewer").status == 200


def test_behind_a_proxy_everybody_needs_a_token_for_metrics(tmp_path: Path) -> None:
    with serving(tmp_path, live=LiveSettings(behind_proxy=True)) as api:
        assert api.call("GET", "/metrics").status == 401
        assert api.call("GET", "/metrics", role="viewer").status == 200
        api.call("POST", "/api/v1/orders", order(), role="trader", headers={"X-Forwarded-For": "192.0.2.7"})
        assert getattr(api.desk.journal[0].body, "address", "") == "192.0.2.7"


def test_without_a_proxy_nobody_says_where_he_comes_from(api: Served) -> None:
    api.call("POST", "/api/v1/orders", order(), role="trader", headers={"X-Forwarded-For": "192.0.2.7"})
    assert getattr(api.desk.journal[0].body, "address", "") == "127.0.0.1"


def test_a_token_is_never_in_the_log(api: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    secret = api.secrets["trader"]
    api.call("GET", f"{ACCOUNT}?token={secret}", role="trader")
    api.call("GET", f"/api/v1/orders/{secret}", role="trader")
    api.call("GET", f"/{secret}", role="trader")
    api.call("POST", "/api/v1/orders", order(secret), role="trader")
    api.call("GET", f"/api/v1/stream?token={secret}", headers={"Upgrade": "websocket", "Connection": "Upgrade"})
    api.desk.failing = KeyError(secret[:4])
    api.call("POST", "/api/v1/orders", order(), role="trader")
    assert "met an error" in caplog.text
    assert secret not in caplog.text
    assert secret not in str(api.desk.journal)
