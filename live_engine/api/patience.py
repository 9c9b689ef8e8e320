"""What lies below a request: how many connections there may be, how long headers may take, and what is no HTTP at all.

Connections have an end below that of file descriptors: the journal and the kill file need some whoever calls.
"""

from __future__ import annotations

import asyncio  # noqa: TC003 - the base class's signature
import resource
from http import HTTPStatus

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from live_engine.api.problems import MEDIA_TYPE, Refused
from live_engine.events import encoder

HEADERS_S = 10.0
CONNECTIONS = 2_000
SPARE = 256  # descriptors for all else, and for connections that are taken at once and refused right after
BACKLOG = 128
HEADER_BYTES = 16_384
BLANK_LINE = b"\r\n\r\n"
FULL = ("too-many-connections", "there are more connections than are taken", "close some, or try again later")
TOO_LONG = Refused(431, "headers-too-long", "the headers are too long", f"send at most {HEADER_BYTES} bytes of them")


def most_connections() -> int:
    """How many connections the limit of file descriptors leaves room for; raises the soft limit as far as is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft - SPARE))


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1, with an end to waiting for a request's headers, and to how long these may be.

    Parsed by llhttp, for h11, written in Python, takes a good part of what an order costs over HTTP.
    """

    headers_s = HEADERS_S
    most = CONNECTIONS
    _deadline: asyncio.TimerHandle | None = None
    _within_headers = False
    _began_or_has_body = False  # what came last
    _bytes = 0  # since then: of headers, or of what a chunked body has beside its content
    _refusal: Refused | None = None
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait, or say that there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(Refused(503, *FULL, headers={"retry-after": str(int(self.headers_s))}))
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait while headers are incomplete; a body has a limit of its own."""
        if self.transport.is_closing():
            return
        self._began_or_has_body = False
        super().data_received(data)
        if not self._began_or_has_body:
            self._bytes += len(data)
        else:
            self._bytes = len(data.rpartition(BLANK_LINE)[2]) if self._within_headers else 0
        if self._bytes > HEADER_BYTES:
            self._refuse(TOO_LONG)
        if self._within_headers or self._is_idle():
            self._wait()
        else:
            self._stop()

    def on_message_begin(self) -> None:
        """A request has begun."""
        self._within_headers = self._began_or_has_body = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        """A part of its body has come."""
        self._began_or_has_body = True
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Its headers are there; what came at once may be too long as well."""
        self._within_headers = False
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > HEADER_BYTES:
            self._refusal = TOO_LONG
            raise httptools.HttpParserError
        # RFC 9112, 3.2; a request that names no host is refused by `Access`, as one that names a foreign one.
        hosts = [name for name, _ in self.headers].count(b"host")
        if hosts > 1 or self.parser.get_http_version() not in ("1.0", "1.1"):
            raise httptools.HttpParserError
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """From now on another protocol has the connection."""
        self._upgraded = True
        super().handle_websocket_upgrade()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem document, and close."""
        self._refuse(self._refusal or Refused(400, "malformed-request", msg, "send HTTP/1.1"))

    def _is_idle(self) -> bool:
        """Whether the next that comes is a request."""
        return not self._upgraded and (self.cycle is None or self.cycle.response_complete)

    def _refuse(self, refused: Refused) -> None:
        if self.transport.is_closing():  # it has been told already
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(_raw(refused))
        self.transport.close()

    def _wait(self) -> None:
        if self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.headers_s, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()


def _raw(refused: Refused) -> bytes:
    """A problem document as it goes over the wire, the last on its connection."""
    problem = refused.problem("")
    data = encoder.encode(problem)
    headers = {"content-type": MEDIA_TYPE, "content-length": str(len(data)), "connection": "close", **refused.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n{lines}\r\n".encode("latin-1") + data
