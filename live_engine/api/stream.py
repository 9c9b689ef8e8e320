"""WS /api/v1/stream: news of the topics that a client names. It never takes a credential out of an address.

Close codes: 4400 a message that cannot be read, 4401 not signed in (any more), 4408 too slow, 1012 the engine restarts.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from live_engine.api.access import Caller
from live_engine.api.answers import problem_response
from live_engine.api.desk import TOPICS, Topic
from live_engine.api.outbox import SLOW, End, Ended, Outbox
from live_engine.api.problems import Refused, unavailable
from live_engine.errors import LiveEngineError
from live_engine.events import encoder

if TYPE_CHECKING:
    from live_engine.api.hub import Hub
    from live_engine.api.operation import House

UNREADABLE, NOT_SIGNED_IN = 4400, 4401


class Auth(msgspec.Struct, frozen=True, tag_field="op", tag="auth", forbid_unknown_fields=True):
    """Sign in with a ticket."""

    ticket: str


class Subscribe(msgspec.Struct, frozen=True, tag_field="op", tag="subscribe", forbid_unknown_fields=True):
    """Send a snapshot and all news of these topics."""

    topics: list[Topic]


class Unsubscribe(msgspec.Struct, frozen=True, tag_field="op", tag="unsubscribe", forbid_unknown_fields=True):
    """Send no more of these topics."""

    topics: list[Topic]


class Welcome(msgspec.Struct, frozen=True, tag_field="op", tag="welcome"):
    """Signed in."""

    name: str
    role: str
    topics: tuple[Topic, ...] = TOPICS


Message = Auth | Subscribe | Unsubscribe
decoder: msgspec.json.Decoder[Message] = msgspec.json.Decoder(Message)


@dataclass(frozen=True, slots=True)
class Pace:
    """Clients at once, and seconds: to sign in, for a client to take a message, and between looks at its token."""

    clients: int = 1_200
    sign_in_s: float = 5.0
    send_s: float = 5.0
    check_s: float = 5.0


class Streams:
    """The endpoint; `address` of a socket is where it comes from."""

    def __init__(self, house: House, hub: Hub, pace: Pace) -> None:
        self._house = house
        self._hub = hub
        self._pace = pace

    async def serve(self, socket: WebSocket) -> None:
        """One client from its handshake to its end."""
        address = socket.client.host if socket.client else ""
        try:
            caller = self._handshake(socket, address)
        except Refused as refused:
            await socket.send_denial_response(problem_response(refused, socket.url.path))
            return
        self._house.figures.clients += 1
        outbox = Outbox()
        try:
            await socket.accept()
            caller = caller or await self._sign_in(socket, address)
            outbox.put(encoder.encode(Welcome(caller.token.name, caller.token.role)).decode())
            await self._converse(socket, caller, outbox)
        except Ended as ended:
            await self._close(socket, ended.end)
        except WebSocketDisconnect:
            pass
        finally:
            self._hub.unsubscribe(outbox)
            self._house.figures.clients -= 1
            self._house.figures.conflated += outbox.conflated

    def _handshake(self, socket: WebSocket, address: str) -> Caller | None:
        """The caller when a header names one; raises Refused."""
        access = self._house.access
        access.check_place(socket.headers, address)
        if socket.url.query:
            raise Refused(400, "query-not-taken", "the stream takes no query", "send a ticket in the first message")
        if self._house.figures.clients >= self._pace.clients:
            raise Refused(503, "too-many-clients", "too many streams are open", "try again later")
        authorization = socket.headers.get("authorization")
        return access.check_bearer(authorization, address, "viewer") if authorization is not None else None

    async def _sign_in(self, socket: WebSocket, address: str) -> Caller:
        access = self._house.access
        try:
            async with asyncio.timeout(self._pace.sign_in_s):
                message = await _next(socket)
        except TimeoutError:
            raise Ended(End(NOT_SIGNED_IN, "sign in with the first message")) from None
        token = self._house.tickets.use(message.ticket) if isinstance(message, Auth) else None
        if token is None or not access.stands(token):
            access.ticket_failed(address)
            raise Ended(End(NOT_SIGNED_IN, "the first message holds no good ticket"))
        return Caller(token, address)

    async def _converse(self, socket: WebSocket, caller: Caller, outbox: Outbox) -> None:
        sending = asyncio.create_task(self._send(socket, outbox))
        try:
            while not sending.done():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pace.check_s):
                        self._obey(await _next(socket), caller, outbox)
                if not self._house.access.stands(caller.token):
                    raise Ended(End(NOT_SIGNED_IN, "the token stands no more"))
        finally:
            sending.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await sending

    def _obey(self, message: Message, caller: Caller, outbox: Outbox) -> None:
        try:
            self._house.access.check_role(caller, "viewer")
            if isinstance(message, Subscribe):
                self._hub.subscribe(outbox, message.topics)
            elif isinstance(message, Unsubscribe):
                self._hub.unsubscribe(outbox, message.topics)
        except Refused as refused:
            outbox.put(encoder.encode(refused.problem("/api/v1/stream")).decode())
        except LiveEngineError as error:
            outbox.put(encoder.encode(unavailable(error).problem("/api/v1/stream")).decode())

    async def _send(self, socket: WebSocket, outbox: Outbox) -> None:
        """Send what waits; a client that does not take it in time is closed, which ends the reading side too."""
        try:
            while True:
                text = await outbox.next()
                async with asyncio.timeout(self._pace.send_s):
                    await socket.send_text(text)
        except (Ended, TimeoutError) as error:
            end = error.end if isinstance(error, Ended) else SLOW
            outbox.end(end)
            self._house.figures.slow += end == SLOW
            await self._close(socket, end)

    async def _close(self, socket: WebSocket, end: End) -> None:
        """Say why, if the client still reads; its connection goes in any case."""
        with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
            async with asyncio.timeout(self._pace.send_s):
                await socket.close(end.code, end.reason)


async def _next(socket: WebSocket) -> Message:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    try:
        return decoder.decode(message.get("text") or message.get("bytes") or b"")
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Ended(End(UNREADABLE, f"not understood: {error}"[:120])) from error
