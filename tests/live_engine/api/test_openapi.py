"""The OpenAPI document says all there is, and whatever is called answers as it says: random calls find nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_engine.api.openapi import OPERATIONS, document
from live_engine.api.problems import Problem
from tests.live_engine.api.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_engine.api.operation import Operation
    from tests.live_engine.api.conftest import Served

DOCUMENT: dict[str, Any] = json.loads(json.dumps(document(OPERATIONS)))
EXAMPLES = 60


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("home")) as served:
        yield served


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            yield from references(value)
    elif isinstance(node, list):
        for one in node:
            yield from references(one)


def test_the_document_is_served_to_who_has_a_token_and_holds_together(shared: Served) -> None:
    assert shared.call("GET", "/api/v1/openapi.json").status == 401
    served = shared.call("GET", "/api/v1/openapi.json", role="viewer").json
    assert served == DOCUMENT
    assert served["openapi"] == "3.1.0"
    for one in set(references(served)):
        assert one.removeprefix("#/components/schemas/") in served["components"]["schemas"]
    names = [one["operationId"] for path in served["paths"].values() for one in path.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)


def test_the_document_names_the_paths_of_the_contract() -> None:
    assert {(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods} == {
        ("get", "/health"),
        ("get", "/metrics"),
        ("post", "/api/v1/orders"),
        ("get", "/api/v1/orders"),
        ("get", "/api/v1/orders/{client_order_id}"),
        ("delete", "/api/v1/orders/{client_order_id}"),
        ("get", "/api/v1/fills"),
        ("get", "/api/v1/positions"),
        ("get", "/api/v1/account"),
        ("get", "/api/v1/instruments"),
        ("get", "/api/v1/bars"),
        ("get", "/api/v1/events"),
        ("get", "/api/v1/kill-switch"),
        ("post", "/api/v1/kill-switch"),
        ("post", "/api/v1/tickets"),
        ("get", "/api/v1/openapi.json"),
    }


def test_every_operation_that_changes_something_is_written_down() -> None:
    silent = {"createTicket"}  # changes nothing of the engine
    assert {one.name for one in OPERATIONS if one.method != "GET" and one.target is None} == silent


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", "NaN", "1e400", "9" * 400, "-1", "0", "1", "a-1", "AAPL", "\u0661", "\x00", "../..", "\U0001f600"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=8,
)


def near(schema: dict[str, Any]) -> st.SearchStrategy[object]:
    """Values that a schema takes, and others."""
    if "$ref" in schema:
        return near(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    if "anyOf" in schema:
        return st.one_of(*(near(one) for one in schema["anyOf"]), VALUES)
    if "enum" in schema:
        return st.one_of(st.sampled_from(schema["enum"]), st.sampled_from(schema["enum"]), VALUES)
    if schema.get("type") == "object":
        known = {name: near(one) for name, one in schema["properties"].items()}
        required = {name: known.pop(name) for name in schema["required"]}
        return st.one_of(
            st.fixed_dictionaries(required, optional=known),
            st.fixed_dictionaries({}, optional=required | known | {"colour": VALUES}),
            VALUES,
        )
    if "pattern" in schema:
        return st.one_of(st.from_regex(schema["pattern"]), st.from_regex(schema["pattern"]), VALUES)
    return VALUES


def calls(operation: Operation) -> st.SearchStrategy[tuple[str, list[tuple[str, str]], bytes | None, str]]:
    """Path, query, body and role of a call."""
    told = DOCUMENT["paths"][operation.path][operation.method.lower()]
    path = st.just(operation.path)
    if "{client_order_id}" in operation.path:
        path = TEXTS.filter(bool).map(lambda one: operation.path.replace("{client_order_id}", quote(one, safe="")))
    names = [one["name"] for one in told["parameters"] if one["in"] == "query"]
    pairs = st.tuples(st.sampled_from([*names, *names, "colour"]), st.one_of(TEXTS, st.integers(-2, 2_000).map(str)))
    query = st.lists(pairs, max_size=3)
    body: st.SearchStrategy[bytes | None] = st.none()
    if operation.body is not None:
        schema = told["requestBody"]["content"]["application/json"]["schema"]
        body = st.one_of(near(schema).map(lambda one: json.dumps(one).encode()), st.binary(max_size=60))
    return st.tuples(path, query, body, st.sampled_from(["admin", "admin", "trader", "viewer", ""]))


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_any_call_answers_with_a_documented_status(shared: Served, operation: Operation) -> None:
    documented = DOCUMENT["paths"][operation.path][operation.method.lower()]["responses"]

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(call=calls(operation))
    def run(call: tuple[str, list[tuple[str, str]], bytes | None, str]) -> None:
        path, query, body, role = call
        shared.clock.pass_s(3_600)  # nobody stays locked out
        address = path + ("?" + urlencode(query) if query else "")
        done = shared.call(operation.method, address, body, role=role)
        assert done.status < 500, done.body
        assert str(done.status) in documented, done.body
        if done.status >= 400:
            assert done.headers["content-type"] == "application/problem+json"
            problem = msgspec.json.decode(done.body, type=Problem)
            assert problem.status == done.status
            assert problem.hint
        else:
            assert done.headers["content-type"].partition(";")[0] == operation.media_type.partition(";")[0]

    run()
