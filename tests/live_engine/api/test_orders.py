"""Orders over HTTP: new, again, another one under the same id, denied, cancelled, and what is written down first."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import JournalWriteError
from live_engine.events import Audited, OrderIntent
from tests.live_engine.api.conftest import order

if TYPE_CHECKING:
    from tests.live_engine.api.conftest import Served

ORDERS = "/api/v1/orders"


def intents(api: Served) -> list[OrderIntent]:
    return [event.body for event in api.desk.journal if isinstance(event.body, OrderIntent)]


def test_a_new_order_is_answered_with_201_and_where_it_is(api: Served) -> None:
    done = api.call("POST", ORDERS, order(), role="trader")
    assert (done.status, done.headers["location"]) == (201, f"{ORDERS}/a-1")
    assert done.json["status"] == "NEW"
    assert (done.json["quantity"], done.json["limit_price"]) == ("10", "150.00")
    assert api.call("GET", f"{ORDERS}/a-1", role="viewer").json == done.json


def test_the_same_order_again_answers_the_first_with_200(api: Served) -> None:
    first = api.call("POST", ORDERS, order(), role="trader")
    again = api.call("POST", ORDERS, order(quantity="10.0"), role="trader")
    assert (again.status, again.json) == (200, first.json)
    assert len(intents(api)) == 1


def test_another_order_under_the_same_id_is_a_conflict(api: Served) -> None:
    api.call("POST", ORDERS, order(), role="trader")
    other = api.call("POST", ORDERS, order(quantity="11"), role="trader")
    assert (other.status, other.headers["content-type"]) == (409, "application/problem+json")
    assert other.json["type"].endswith(":duplicate-order-id")
    assert other.json["hint"]
    assert len(intents(api)) == 1


@pytest.mark.parametrize(
    ("more", "rule"),
    [
        ({"symbol": "NONE"}, "symbol"),
        ({"limit_price": "150.001"}, "shape"),
        ({"limit_price": None}, "shape"),
        ({"quantity": "0"}, "shape"),
        ({"quantity": "1.5"}, "shape"),
        ({"parent": "nobody"}, "shape"),
        ({"quantity": "1001"}, "max-order-size"),
    ],
)
def test_a_denied_order_names_the_rule_and_how_to_mend_it(api: Served, more: dict[str, object], rule: str) -> None:
    done = api.call("POST", ORDERS, order(**more), role="trader")
    assert (done.status, done.json["rule"]) == (422, rule)
    assert done.json["type"].endswith(":order-denied")
    assert done.json["hint"]
    assert not intents(api)


def test_every_type_of_order_can_be_placed(api: Served) -> None:
    prices: dict[str, dict[str, str]] = {
        "market": {},
        "limit": {"limit_price": "150"},
        "stop": {"stop_price": "160"},
        "stop_limit": {"stop_price": "160", "limit_price": "161"},
        "trailing_stop": {"trail": "2.50"},
    }
    for type_, fields in prices.items():
        base = {"client_order_id": type_, "symbol": "AAPL", "side": "buy", "type": type_, "quantity": "1"}
        assert api.call("POST", ORDERS, base | fields, role="trader").status == 201, type_
    assert [one.order_type for one in intents(api)] == list(prices)


def test_orders_are_listed_newest_first_and_by_state_and_symbol(api: Served) -> None:
    for number, symbol in enumerate(["AAPL", "BTC/USD", "AAPL"]):
        api.call("POST", ORDERS, order(f"a-{number}", symbol=symbol), role="trader")
    api.do(lambda: api.desk.fill("a-0", "f-1", Decimal(10), Decimal("150.00")))

    def listed(query: str) -> list[str]:
        found = api.call("GET", ORDERS + query, role="viewer").json["orders"]
        return [one["client_order_id"] for one in found]

    assert listed("") == ["a-2", "a-1", "a-0"]
    assert listed("?state=open") == ["a-2", "a-1"]
    assert listed("?symbol=BTC%2FUSD") == ["a-1"]
    assert listed("?limit=1") == ["a-2"]


def test_an_open_order_is_asked_to_go_and_an_ended_one_stays_as_it_is(api: Served) -> None:
    api.call("POST", ORDERS, order(), role="trader")
    asked = api.call("DELETE", f"{ORDERS}/a-1", role="trader")
    assert (asked.status, asked.json["status"]) == (202, "PENDING_CANCEL")
    api.do(lambda: api.desk.fill("a-1", "f-1", Decimal(10), Decimal("150.00")))
    ended = api.call("DELETE", f"{ORDERS}/a-1", role="trader")
    assert (ended.status, ended.json["status"], ended.json["average_price"]) == (200, "FILLED", "150")


def test_an_unknown_order_is_404(api: Served) -> None:
    for method in ("GET", "DELETE"):
        done = api.call(method, f"{ORDERS}/nobody", role="trader")
        assert (done.status, done.json["type"].rpartition(":")[2]) == (404, "not-found")


def test_what_changes_something_is_written_down_before_it_acts(api: Served) -> None:
    api.call("POST", ORDERS, order(), role="trader")
    api.call("DELETE", f"{ORDERS}/a-1", role="admin")
    api.call("POST", "/api/v1/kill-switch", {"action": "halt"}, role="trader")
    bodies = [event.body for event in api.desk.journal]
    audits = [(at, body) for at, body in enumerate(bodies) if isinstance(body, Audited)]
    assert [(one.actor, one.role, one.action, one.target, one.address) for _, one in audits] == [
        ("trader", "trader", "POST /api/v1/orders", "a-1", "127.0.0.1"),
        ("admin", "admin", "DELETE /api/v1/orders/{client_order_id}", "a-1", "127.0.0.1"),
        ("trader", "trader", "POST /api/v1/kill-switch", "halt", "127.0.0.1"),
    ]
    acts = [type(bodies[at + 1]).__name__ for at, _ in audits]
    assert acts == ["OrderIntent", "CancelRequested", "KillSwitchSet"]


def test_what_cannot_be_written_down_is_not_done(api: Served) -> None:
    api.desk.failing = JournalWriteError("the device is full", where="/somewhere/live.sqlite", hint="make room")
    done = api.call("POST", ORDERS, order(), role="trader")
    assert (done.status, done.json["detail"], done.json["hint"]) == (503, "the device is full", "make room")
    assert b"somewhere" not in done.body
    assert not api.desk.journal


def test_an_error_of_the_engine_is_a_problem_document_without_its_insides(api: Served) -> None:
    api.desk.failing = KeyError("insides")
    done = api.call("POST", ORDERS, order(), role="trader")
    assert (done.status, done.headers["content-type"]) == (500, "application/problem+json")
    assert b"insides" not in done.body
    api.desk.failing = None
    assert api.call("POST", ORDERS, order(), role="trader").status == 201


def test_a_view_that_cannot_be_written_as_json_is_an_error_of_ours(api: Served) -> None:
    api.desk.reasons = (object(),)  # type: ignore[assignment]
    done = api.call("GET", "/health")
    assert (done.status, done.json["type"].rpartition(":")[2]) == (500, "internal-error")
