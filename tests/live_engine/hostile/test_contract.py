"""The API keeps to its own OpenAPI document, whatever is sent: Schemathesis makes up the calls, the engine is real.

PI5_EXAMPLES is how many good and how many bad calls of each operation and role are made up; the same ones each time.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from live_engine.api.openapi import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy
    from schemathesis import BaseSchema, Case

    from live_engine.api.tokens import Role
    from tests.live_engine.hostile.engines import Engine

pytestmark = pytest.mark.xdist_group("hostile-contract")
EXAMPLES = int(os.environ.get("PI5_EXAMPLES", "3"))
CALLS = 8  # with one token: a tenth call that its role does not allow would lock it out
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]


@pytest.fixture(scope="module")
def schema(engine: Engine) -> BaseSchema:
    """The document that the engine serves; who does not sign in does not get it."""
    assert engine.call("GET", "/api/v1/openapi.json").status == 401
    found: BaseSchema = schemathesis.openapi.from_dict(engine.call("GET", "/api/v1/openapi.json", role="viewer").json)
    return found


@pytest.mark.parametrize("role", ["viewer", "trader", "admin"])
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_whatever_is_sent_the_answer_is_one_that_the_document_tells_of(
    engine: Engine, schema: BaseSchema, operation: object, role: Role
) -> None:
    told = schema[operation.path][operation.method]  # type: ignore[attr-defined]
    calls = 0
    secret = ""

    def check(case: Case[Any]) -> None:
        nonlocal calls, secret
        if calls % CALLS == 0:
            secret = engine.tokens.create("", role, 1, time.time_ns())
        calls += 1
        headers = {"Authorization": f"Bearer {secret}"}
        response = case.call(base_url=f"http://127.0.0.1:{engine.port}", headers=headers, timeout=20)
        assert response.status_code != 429
        case.validate_response(response, checks=CHECKS, headers=headers)

    try:
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.POSITIVE or operation.body is not None or told.query:  # type: ignore[attr-defined]
                _run(told.as_strategy(generation_mode=mode), check)
    finally:
        engine.call("POST", "/api/v1/kill-switch", {"action": "rearm"}, role="admin")
    assert calls


def _run(cases: SearchStrategy[Case[Any]], check: Callable[[Case[Any]], None]) -> None:
    @seed(1)
    @settings(
        max_examples=EXAMPLES,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def each(case: Case[Any]) -> None:
        check(case)

    each()
