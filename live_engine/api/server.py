"""The application out of a desk, and the server that carries it: one process, one event loop, little memory."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route, WebSocketRoute

from live_engine.api.access import Access, Rates
from live_engine.api.answers import problem_response, response_of
from live_engine.api.figures import Figures
from live_engine.api.hub import Hub
from live_engine.api.limits import Bounds, Limits
from live_engine.api.openapi import OPERATIONS
from live_engine.api.operation import House, Request, log, perform
from live_engine.api.patience import BACKLOG, PatientProtocol, most_connections
from live_engine.api.problems import Refused, not_found, unexpected
from live_engine.api.stream import Pace, Streams
from live_engine.api.tickets import Tickets
from live_engine.errors import ListenError
from live_engine.settings import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from starlette.requests import Request as HttpRequest
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Receive, Scope, Send

    from live_engine.api.desk import Desk
    from live_engine.api.operation import Operation
    from live_engine.api.tokens import Tokens
    from live_engine.settings import LiveSettings

STREAM = "/api/v1/stream"
MESSAGE_BYTES = 16_384
MUTE_MS = 20_000  # a peer that acknowledges nothing for so long is gone
NO_ENDPOINT = ("there is nothing at this path", "`GET /api/v1/openapi.json` lists the paths")


@dataclass(frozen=True, slots=True)
class Capacity:
    """How often, how large, how slow and how many."""

    rates: Rates = field(default_factory=Rates)
    bounds: Bounds = field(default_factory=Bounds)
    pace: Pace = field(default_factory=Pace)


def build(
    desk: Desk,
    live: LiveSettings,
    tokens: Tokens,
    *,
    pages: Sequence[BaseRoute] = (),
    capacity: Capacity | None = None,
    wall: Callable[[], int] = time.time_ns,
    clock: Callable[[], int] = time.monotonic_ns,
) -> ASGIApp:
    """The application; `pages` are routes of a user interface, which need no token and hold no secret."""
    capacity = capacity or Capacity()
    access = Access(tokens, hosts=(live.host, *live.allowed_hosts), wall=wall, clock=clock, rates=capacity.rates)
    house = House(desk, access, Tickets(clock), Figures(), behind_proxy=live.behind_proxy)
    streams = Streams(house, Hub(desk), capacity.pace)
    app = Starlette(
        routes=[
            *(_route(path, house) for path in dict.fromkeys(operation.path for operation in OPERATIONS)),
            WebSocketRoute(STREAM, streams.serve),
            *pages,
        ],
        exception_handlers={HTTPException: _http_problem},
    )
    app.router.redirect_slashes = False
    return Limits(_Gate(app, house), capacity.bounds)


class _Gate:
    """Host, Origin and rates, before any path is looked at; then the short way for paths without names in them.

    Such a path is looked up: to try every route, with a request object and two layers against errors, took as long as
    to judge an order.
    """

    def __init__(self, app: ASGIApp, house: House) -> None:
        self._app = app
        self._house = house
        self._access = house.access
        self._direct = {(one.method, one.path): one for one in OPERATIONS if "{" not in one.path}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may come in. The stream asks for itself, since it refuses in its own way."""
        if scope["type"] == "http":
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            try:
                self._access.check_place(headers, (scope.get("client") or ("",))[0])
            except Refused as refused:
                await problem_response(refused, scope["path"])(scope, receive, send)
                return
            operation = self._direct.get((scope["method"], scope["path"]))
            if operation is not None:
                await self._call(operation, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _call(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        told = (value.decode("latin-1") for name, value in scope["headers"] if name == b"authorization")
        asked = Request(
            path=scope["path"],
            address=(scope.get("client") or ("",))[0],
            authorization=next(told, None),
            names={},
            query=parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True),
            body=(await receive()).get("body", b""),  # whole: Limits has taken it in
        )
        response = await _answered(operation, self._house, asked)
        await response(scope, receive, send)


def _route(path: str, house: House) -> Route:
    """All methods of a path in one route, so that 405 names all of them."""
    by_method = {operation.method: operation for operation in OPERATIONS if operation.path == path}

    async def endpoint(request: HttpRequest) -> Response:
        operation = by_method["GET" if request.method == "HEAD" else request.method]
        asked = Request(
            path=request.url.path,
            address=request.client.host if request.client else "",
            authorization=request.headers.get("authorization"),
            names=request.path_params,
            query=request.query_params.multi_items(),
            body=await request.body(),
        )
        return await _answered(operation, house, asked)

    return Route(path, endpoint, methods=list(by_method))


async def _answered(operation: Operation, house: House, asked: Request) -> Response:
    """The response to a call, whatever comes of it."""
    began = time.perf_counter()
    try:
        response = response_of(await perform(operation, house, asked))
    except Refused as refused:
        log.info("%s %s: %d %s", operation.method, operation.path, refused.status, refused.name)
        response = problem_response(refused, asked.path)
    except Exception:  # noqa: BLE001 - an answer in any case; the log has the error
        log.exception("%s %s met an error", operation.method, operation.path)
        response = problem_response(unexpected(), asked.path)
    seconds = time.perf_counter() - began
    house.figures.answered(f"{operation.method} {operation.path}", response.status_code, seconds)
    return response


async def _http_problem(request: HttpRequest, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    if error.status_code == 404:  # noqa: PLR2004 - HTTP's own number
        refused = not_found(*NO_ENDPOINT)
    else:
        what = f"{request.method} is not what this path takes" if error.status_code == 405 else error.detail  # noqa: PLR2004
        refused = Refused(error.status_code, "method-not-allowed", what, NO_ENDPOINT[1], headers=error.headers)
    return problem_response(refused, request.url.path)


def listen(live: LiveSettings) -> socket.socket:
    """A socket on the configured address; raises ListenError when it is taken, or not this machine's."""
    if not is_loopback(live.host) and not live.tls_cert and not live.behind_proxy:
        hint = 'use "127.0.0.1", or set tls_cert and tls_key, or behind_proxy = true'
        raise ListenError("other machines could reach it without TLS", where=f"live.host {live.host}", hint=hint)
    where = f"{live.host} port {live.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            live.host, live.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(f"no such address: {error.strerror}", where=where, hint="see live.host") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, MUTE_MS)  # accepted sockets inherit it
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        hint = "stop the program that has it (`ss -ltnp` names it), or set another live.port"
        raise ListenError(f"cannot listen: {error.strerror}", where=where, hint=hint) from error
    return bound


class _Server(uvicorn.Server):
    """Leaves signals to the engine, which has more to end than this."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(app: ASGIApp, live: LiveSettings, bound: socket.socket, stop: asyncio.Event) -> None:
    """Answer on a socket of `listen` until `stop` is set; open streams then end with code 1012. Closes the socket."""
    config = uvicorn.Config(
        app,
        http=type("Protocol", (PatientProtocol,), {"most": most_connections()}),
        ws="websockets-sansio",
        ws_max_size=MESSAGE_BYTES,
        ws_per_message_deflate=False,  # 300 kB a client
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,  # below that it writes whole addresses, queries and all
        access_log=False,
        server_header=False,
        proxy_headers=live.behind_proxy,
        forwarded_allow_ips=["127.0.0.1", "::1"],
        backlog=BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        ssl_certfile=live.tls_cert or None,
        ssl_keyfile=live.tls_key or None,
    )
    with bound:
        try:
            config.load()
        except OSError as error:  # ssl.SSLError is one
            hint = "tls_cert and tls_key name PEM files that belong together"
            raise ListenError(f"TLS: {error.strerror or error}", where=live.tls_cert, hint=hint) from error
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            server.should_exit = True
            stopping.cancel()
            await serving
