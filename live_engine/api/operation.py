"""One call of the API: who may make it, what it takes, what it answers. Routes and the OpenAPI document come from it.

Every call is decoded, allowed, written down if it changes something, and only then done, here and in this order.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine.api.problems import Problem, Refused, invalid, unavailable, unexpected
from live_engine.api.schema import NoQuery
from live_engine.errors import LiveEngineError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from live_engine.api.access import Access, Caller
    from live_engine.api.desk import Desk
    from live_engine.api.figures import Figures
    from live_engine.api.tickets import Tickets
    from live_engine.api.tokens import Role

log = logging.getLogger("live_engine.api")
JSON_HINT = "send one JSON object; `GET /api/v1/openapi.json` describes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What of an HTTP request counts."""

    path: str
    address: str
    authorization: str | None
    names: Mapping[str, str]
    query: Sequence[tuple[str, str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class House:
    """What calls work with."""

    desk: Desk
    access: Access
    tickets: Tickets
    figures: Figures
    behind_proxy: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is allowed and readable. Of open operations `caller` is None."""

    house: House
    caller: Caller | None
    names: Mapping[str, str]
    query: Any
    body: Any

    @property
    def desk(self) -> Desk:
        """The engine."""
        return self.house.desk

    @property
    def signed_in(self) -> Caller:
        """The caller of an operation that has a role."""
        if self.caller is None:
            raise unexpected()
        return self.caller


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with a body: a struct as JSON, text as it is."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path.

    `answers` are the statuses of success with what they carry, `refusals` those that come on top of what any call can
    meet. `role_for` says of a body that it needs more than `role`. `target` names what is to be changed; a call that
    has one is written down before it acts. `open_to` says of a request that it needs no token.
    """

    method: str
    path: str
    name: str
    summary: str
    act: Callable[[Call], Awaitable[Answer]]
    answers: Mapping[int, Any]
    role: Role | None = "viewer"
    query: type[msgspec.Struct] = NoQuery
    body: type[msgspec.Struct] | None = None
    refusals: tuple[int, ...] = ()
    target: Callable[[Call], str] | None = None
    role_for: Callable[[Any], Role] | None = None
    open_to: Callable[[House, Request], bool] | None = None
    media_type: str = "application/json"


async def perform(operation: Operation, house: House, request: Request) -> Answer:
    """Do a call; raises Refused. Whatever else comes out is an error of ours."""
    try:
        call = _read(operation, house, request)
        if operation.target is None:
            return await operation.act(call)
        caller = call.signed_in
        durable = await house.desk.audit(
            actor=caller.token.name,
            role=caller.token.role,
            action=f"{operation.method} {operation.path}",
            target=operation.target(call),
            address=caller.address,
        )
        # What the call writes down comes after it in the journal, so one flush may serve both; no answer comes before.
        try:
            return await operation.act(call)
        finally:
            await durable
    except LiveEngineError as error:
        log.warning("%s %s: %s", operation.method, operation.path, error)
        raise unavailable(error) from error


def _read(operation: Operation, house: House, request: Request) -> Call:
    caller = None
    is_open = operation.open_to is not None and operation.open_to(house, request)
    if operation.role is not None and not is_open:
        caller = house.access.check_bearer(request.authorization, request.address, operation.role)
    query = _query(request.query, operation.query)
    body = None if operation.body is None else _body(request.body, operation.body)
    if caller is not None and operation.role_for is not None:
        house.access.check_role(caller, operation.role_for(body))
    return Call(house, caller, request.names, query, body)


def _query(pairs: Sequence[tuple[str, str]], shape: type[msgspec.Struct]) -> msgspec.Struct:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise invalid("a parameter stands twice", "send each parameter once")
    try:
        return msgspec.convert(dict(pairs), shape, strict=False)
    except msgspec.ValidationError as error:
        raise invalid(f"query: {error}", "`GET /api/v1/openapi.json` lists the parameters") from error


def _body(data: bytes, shape: type[msgspec.Struct]) -> msgspec.Struct:
    try:
        return msgspec.json.decode(data, type=shape)
    except msgspec.ValidationError as error:
        raise invalid(f"body: {error}", "`GET /api/v1/openapi.json` describes the fields") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Refused(400, "malformed-body", f"the body is no JSON: {error}", JSON_HINT) from error


def documented(operation: Operation) -> Mapping[int, Any]:
    """Every status that a call can answer with, and the type of its body."""
    refusals = {403, 408, 413, 422, 429, 431, 500, 503, 504, *operation.refusals}
    if operation.role is not None:
        refusals.add(401)
    if operation.body is not None:
        refusals.add(400)
    return {**dict.fromkeys(sorted(refusals), Problem), **operation.answers}
