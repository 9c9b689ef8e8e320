"""How large and how slow a request may be, and what every answer carries: an ASGI layer around the rest.

A body is taken in whole before anything looks at it, so a slow one holds a connection and nothing else. A call that
takes too long is answered, not broken off: it may be an order that is being written down, and half of that is worse
than late.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from live_engine.api.answers import problem_response
from live_engine.api.problems import Refused

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY = (
    (
        b"content-security-policy",
        b"default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
LINGER_BYTES = 4_194_304
LINGER_S = 1.0
NO_STORE = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bytes of a body, headers of a request, and seconds for a body to come and for an answer to be made."""

    body_bytes: int = 65_536
    headers: int = 64
    body_s: float = 5.0
    answer_s: float = 15.0


class Limits:
    """The layer."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._app = app
        self._bounds = bounds
        self._late: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when it keeps within the bounds."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _secured(send)
        try:
            if len(scope["headers"]) > self._bounds.headers:
                raise _too_many_headers(self._bounds.headers)
            _check_length(scope)
            body = await self._body(scope, receive)
            await self._answer(scope, body, receive, send)
        except Refused as refused:
            refused.headers["Connection"] = "close"  # what is left of the request is not read
            await problem_response(refused, scope["path"])(scope, receive, send)

    async def _body(self, scope: Scope, receive: Receive) -> bytes:
        most = self._bounds.body_bytes
        too_large = Refused(413, "body-too-large", f"the body has more than {most} bytes", "send less at once")
        told = dict(scope["headers"]).get(b"content-length", b"")
        if told.isdigit() and int(told[:20]) > most:
            if int(told[:20]) <= LINGER_BYTES:
                await _read_away(receive)
            raise too_large
        parts = bytearray()
        try:
            async with asyncio.timeout(self._bounds.body_s):
                while True:
                    message = await receive()
                    parts += message.get("body", b"")
                    if len(parts) > most:
                        parts.clear()
                        await _read_away(receive)
                        raise too_large
                    if not message.get("more_body", False):
                        return bytes(parts)
        except TimeoutError:
            what = f"the body did not come within {self._bounds.body_s:g} s"
            raise Refused(408, "body-too-slow", what, "send it at once") from None

    async def _answer(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        whole = [{"type": "http.request", "body": body, "more_body": False}]
        is_late = False
        has_begun = False

        async def replay() -> Message:
            return whole.pop() if whole else await receive()

        async def guarded(message: Message) -> None:
            nonlocal has_begun
            if not is_late:
                has_begun = True
                await send(message)

        task = asyncio.ensure_future(self._app(scope, replay, guarded))
        self._late.add(task)  # the loop alone would not keep it alive
        task.add_done_callback(self._late.discard)
        done, _ = await asyncio.wait({task}, timeout=self._bounds.answer_s)
        if not done and not has_begun:
            is_late = True
            task.add_done_callback(_take_note)
            what = f"no answer within {self._bounds.answer_s:g} s; what was asked may still be done"
            raise Refused(504, "too-slow", what, "look at it again by its client_order_id; repeating is harmless")
        await task


async def _read_away(receive: Receive) -> None:
    """Let a body that is too large come in: who is cut off while he sends does not see the answer."""
    read = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while read <= LINGER_BYTES:
                message = await receive()
                read += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return


def _check_length(scope: Scope) -> None:
    """Raise Refused for two ways to tell the length: who stands between may end the request elsewhere."""
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
        raise Refused(400, "ambiguous-length", "it has two lengths", "send Content-Length or Transfer-Encoding")


def _too_many_headers(most: int) -> Refused:
    return Refused(431, "too-many-headers", "too many headers", f"send {most} at most")


def _take_note(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        task.exception()  # it was logged where it happened


def _secured(send: Send) -> Send:
    async def secured(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), *SECURITY]
            if not any(name.lower() == NO_STORE[0] for name, _ in headers):
                headers.append(NO_STORE)
            message = {**message, "headers": headers}
        await send(message)

    return secured
