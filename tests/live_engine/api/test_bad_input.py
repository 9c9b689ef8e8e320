"""What cannot be read, or is not what is taken: a clear problem document, and nothing happens."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live_engine.api.conftest import order, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live_engine.api.conftest import Served

ORDERS = "/api/v1/orders"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b'{"client_order_id": "\xff"}',
        b'{"client_order_id": "\\ud800"}',
        b"[" * 30_000,
        b'{"a":' * 10_000,
        b"nonsense",
        b"{} {}",
        b'{"quantity": NaN}',
    ],
)
def test_what_is_no_json_is_refused(shared: Served, body: bytes) -> None:
    done = shared.call("POST", ORDERS, body, role="trader")
    assert done.status in (400, 422)
    assert done.headers["content-type"] == "application/problem+json"
    assert done.json["hint"]
    assert not shared.desk.journal


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"quantity": 10}, "$.quantity"),
        ({"quantity": 1.5}, "$.quantity"),
        ({"quantity": "NaN"}, "$.quantity"),
        ({"quantity": "Infinity"}, "$.quantity"),
        ({"quantity": "-1"}, "$.quantity"),
        ({"quantity": "+1"}, "$.quantity"),
        ({"quantity": "1e5"}, "$.quantity"),
        ({"quantity": "1e999999999"}, "$.quantity"),
        ({"quantity": "9" * 400}, "$.quantity"),
        ({"quantity": "0." + "1" * 400}, "$.quantity"),
        ({"quantity": "1\n"}, "$.quantity"),
        ({"quantity": " 1"}, "$.quantity"),
        ({"quantity": "1_0"}, "$.quantity"),
        ({"quantity": "\u0661"}, "$.quantity"),
        ({"quantity": "01"}, "$.quantity"),
        ({"quantity": None}, "$.quantity"),
        ({"limit_price": "nan"}, "$.limit_price"),
        ({"client_order_id": ""}, "$.client_order_id"),
        ({"client_order_id": "\u00e4-1"}, "$.client_order_id"),
        ({"client_order_id": "a\u200b1"}, "$.client_order_id"),
        ({"client_order_id": "a-1\n"}, "$.client_order_id"),
        ({"client_order_id": "a/1"}, "$.client_order_id"),
        ({"client_order_id": "a" * 33}, "$.client_order_id"),
        ({"symbol": ""}, "$.symbol"),
        ({"symbol": "\u0410APL"}, "$.symbol"),
        ({"side": "BUY"}, "$.side"),
        ({"type": "iceberg"}, "$.type"),
        ({"time_in_force": "forever"}, "$.time_in_force"),
        ({"reduce_only": "yes"}, "$.reduce_only"),
        ({"colour": "red"}, "unknown field `colour`"),
        ({"actor": "admin"}, "unknown field `actor`"),
    ],
)
def test_a_wrong_field_is_named(shared: Served, more: dict[str, object], told: str) -> None:
    done = shared.call("POST", ORDERS, order(**more), role="trader")
    assert done.status == 422
    assert told in done.json["detail"]
    assert not shared.desk.journal


def test_a_number_of_four_hundred_digits_without_quotes_is_refused(shared: Served) -> None:
    body = b'{"client_order_id":"a","symbol":"AAPL","side":"buy","type":"market","quantity":' + b"9" * 400 + b".5}"
    assert shared.call("POST", ORDERS, body, role="trader").status == 422


def test_a_missing_field_is_named(shared: Served) -> None:
    body = order()
    del body["side"]
    done = shared.call("POST", ORDERS, body, role="trader")
    assert (done.status, "`side`" in done.json["detail"]) == (422, True)


@pytest.mark.parametrize(
    "address",
    [
        f"{ORDERS}?state=shut",
        f"{ORDERS}?limit=0",
        f"{ORDERS}?limit=1001",
        f"{ORDERS}?limit=many",
        f"{ORDERS}?limit=NaN",
        f"{ORDERS}?limit=1&limit=2",
        f"{ORDERS}?colour=red",
        "/api/v1/events?after=-1",
        "/api/v1/events?after=" + "9" * 400,
        "/api/v1/fills?after=1.5",
        "/api/v1/bars",
        "/api/v1/bars?symbol=AAPL&timeframe=0d",
        "/api/v1/bars?symbol=%00",
        "/api/v1/account?x=1",
    ],
)
def test_a_wrong_parameter_is_refused(shared: Served, address: str) -> None:
    done = shared.call("GET", address, role="trader")
    assert done.status == 422
    assert done.json["instance"] == address.partition("?")[0]


def test_bars_of_an_unknown_symbol_are_404(shared: Served) -> None:
    assert shared.call("GET", "/api/v1/bars?symbol=NONE", role="viewer").status == 404


@pytest.mark.parametrize("name", ["%C3%A4", "%00", "%0a", "a%2Fb", "..%2F..", "x" * 5_000, "%ff"])
def test_an_id_that_no_order_can_have_is_404(shared: Served, name: str) -> None:
    assert shared.call("GET", f"{ORDERS}/{name}", role="viewer").status == 404


def test_a_path_without_anything_is_404_with_a_hint(shared: Served) -> None:
    for path in ("/api/v1/nothing", "/api/v2/orders", "/api/v1/orders/", "/.env"):
        done = shared.call("GET", path, role="viewer")
        assert (done.status, done.headers["content-type"]) == (404, "application/problem+json")
        assert done.json["hint"]


def test_a_method_that_a_path_does_not_take_is_405_naming_those_that_it_does(shared: Served) -> None:
    done = shared.call("PUT", ORDERS, role="trader")
    assert (done.status, done.headers["content-type"]) == (405, "application/problem+json")
    assert set(done.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
