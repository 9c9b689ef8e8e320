"""The OpenAPI 3.1 document, made from the operations and the shapes that they take and answer."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine.api import account, events, health, kill, orders, tickets
from live_engine.api.operation import Answer, Call, Operation, documented
from live_engine.api.problems import MEDIA_TYPE, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

ABOUT = """Orders, positions and events of one engine. Numbers are strings, moments nanoseconds of UTC.

`WS /api/v1/stream` sends news: sign in with the Authorization header or with {"op": "auth", "ticket": "..."} as the
first message, then send {"op": "subscribe", "topics": ["orders", ...]}. Each topic answers a snapshot, then updates,
all with the topic's `seq`, which rises by one: where it rises by more, older values of the same keys were left out.
"""
REF = "#/components/schemas/{name}"


async def show(call: Call) -> Answer:
    """The document itself."""
    del call
    return Answer(200, _whole())


OPERATIONS: tuple[Operation, ...] = (
    *health.OPERATIONS,
    *orders.OPERATIONS,
    *account.OPERATIONS,
    *events.OPERATIONS,
    *kill.OPERATIONS,
    *tickets.OPERATIONS,
    Operation(
        method="GET",
        path="/api/v1/openapi.json",
        name="getOpenApi",
        summary="This document",
        act=show,
        answers={200: dict[str, Any]},
    ),
)


@cache
def _whole() -> dict[str, Any]:
    return document(OPERATIONS)


def document(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document of some operations."""
    types = [type_ for one in operations for type_ in (*documented(one).values(), one.body) if type_ is not None]
    shapes, components = msgspec.json.schema_components(types, ref_template=REF)
    schema_of = {id(type_): shape for type_, shape in zip(types, shapes, strict=True)}
    paths: dict[str, dict[str, Any]] = {}
    for one in operations:
        paths.setdefault(one.path, {})[one.method.lower()] = _operation(one, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "live-engine", "version": "1", "description": ABOUT},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(one: Operation, schema_of: dict[int, dict[str, Any]]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": one.name,
        "summary": one.summary,
        "parameters": [*_path_parameters(one), *_query_parameters(one)],
        "responses": {
            str(status): {
                "description": HTTPStatus(status).phrase,
                "content": {_media_type(one, type_): {"schema": schema_of[id(type_)]}},
            }
            for status, type_ in documented(one).items()
        },
        "security": _security(one),
    }
    if one.body is not None:
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema_of[id(one.body)]}}}
    if one.role is not None:
        told["x-role"] = one.role
    return told


def _security(one: Operation) -> list[dict[str, list[str]]]:
    if one.role is None:
        return []
    return [{"token": []}] if one.open_to is None else [{"token": []}, {}]


def _media_type(one: Operation, type_: object) -> str:
    return MEDIA_TYPE if type_ is Problem else one.media_type


def _path_parameters(one: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", one.path)
    return [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names]


def _query_parameters(one: Operation) -> list[dict[str, Any]]:
    (_,), components = msgspec.json.schema_components([one.query], ref_template=REF)
    shape = components[one.query.__name__]
    required = set(shape["required"])
    return [
        {"name": name, "in": "query", "required": name in required, "schema": schema}
        for name, schema in shape["properties"].items()
    ]
