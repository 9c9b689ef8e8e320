"""Who may call what: every path with every role, and with none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_engine.api.openapi import OPERATIONS
from tests.live_engine.api.conftest import order, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live_engine.api.conftest import Served

ROLES = ("", "viewer", "trader", "admin")
KILL = "/api/v1/kill-switch"
# Status without a token, as viewer, trader, admin; in this order of calls.
TABLE: tuple[tuple[str, str, object, tuple[int, int, int, int]], ...] = (
    ("GET", "/health", None, (200, 200, 200, 200)),
    ("GET", "/metrics", None, (200, 200, 200, 200)),
    ("POST", "/api/v1/orders", order(), (401, 403, 201, 200)),
    ("GET", "/api/v1/orders", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/orders/{client_order_id}", None, (401, 200, 200, 200)),
    ("DELETE", "/api/v1/orders/{client_order_id}", None, (401, 403, 202, 202)),
    ("GET", "/api/v1/fills", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/positions", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/account", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/instruments", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/bars", None, (401, 200, 200, 200)),
    ("GET", "/api/v1/events", None, (401, 200, 200, 200)),
    ("GET", KILL, None, (401, 200, 200, 200)),
    ("POST", KILL, {"action": "halt", "reason": "a test"}, (401, 403, 200, 200)),
    ("POST", KILL, {"action": "cancel-all"}, (401, 403, 200, 200)),
    ("POST", KILL, {"action": "flatten"}, (401, 403, 200, 200)),
    ("POST", KILL, {"action": "rearm"}, (401, 403, 403, 200)),
    ("POST", "/api/v1/tickets", None, (401, 201, 201, 201)),
    ("GET", "/api/v1/openapi.json", None, (401, 200, 200, 200)),
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        yield served


def test_the_table_is_of_all_operations() -> None:
    assert {(method, path) for method, path, _, _ in TABLE} == {(one.method, one.path) for one in OPERATIONS}


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} {row[1]} {(row[2] or {}).get('action', '')}")
def test_each_role_may_do_what_the_table_says(
    tmp_path: Path, row: tuple[str, str, object, tuple[int, int, int, int]]
) -> None:
    method, path, body, statuses = row
    called = path.replace("{client_order_id}", "b-1") + ("?symbol=AAPL" if path.endswith("bars") else "")
    with serving(tmp_path) as api:
        assert api.call("POST", "/api/v1/orders", order("b-1"), role="trader").status == 201
        found = [api.call(method, called, body, role=role) for role in ROLES]
    assert tuple(one.status for one in found) == statuses
    for one in found:
        if one.status in (401, 403):
            assert one.headers["content-type"] == "application/problem+json"
            assert one.json["hint"]
        if one.status == 401:
            assert one.headers["www-authenticate"].startswith("Bearer")


def test_what_is_refused_is_not_written_down_as_done(shared: Served) -> None:
    before = len(shared.desk.journal)
    shared.call("POST", KILL, {"action": "rearm"}, role="trader")
    shared.call("POST", "/api/v1/orders", order(), role="viewer")
    shared.call("POST", "/api/v1/orders", order())
    assert len(shared.desk.journal) == before


def test_the_kill_switch_stops_new_orders_until_an_admin_arms_it_again(shared: Served) -> None:
    shown = shared.call("POST", KILL, {"action": "halt", "reason": "a test"}, role="trader").json
    assert (shown["armed"], shown["action"], shown["actor"], shown["reason"]) == (False, "halt", "trader", "a test")
    denied = shared.call("POST", "/api/v1/orders", order("k-1"), role="trader")
    assert (denied.status, denied.json["rule"]) == (422, "kill-switch")
    assert shared.call("POST", KILL, {"action": "rearm"}, role="admin").json["armed"]
    assert shared.call("POST", "/api/v1/orders", order("k-1"), role="trader").status == 201


def test_bad_health_is_503_with_its_reasons(shared: Served) -> None:
    shared.desk.reasons = ("prices are 61 s old",)
    done = shared.call("GET", "/health")
    shared.desk.reasons = ()
    assert (done.status, done.json) == (503, {"healthy": False, "reasons": ["prices are 61 s old"]})


def test_metrics_hold_the_engines_figures_and_the_apis_own(shared: Served) -> None:
    shared.call("GET", "/api/v1/account")
    text = shared.call("GET", "/metrics").body.decode()
    assert "journal_seq " in text
    assert 'http_requests_total{route="GET /api/v1/account",code="401"} ' in text
    assert "auth_failures_total 0" not in text
