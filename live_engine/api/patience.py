"""What lies below a request: how many connections there may be, how long headers may take, and what is no HTTP at all.

Connections have an end below that of file descriptors: the journal and the kill file need some whoever calls.
"""

from __future__ import annotations

import asyncio  # noqa: TC003 - the base class's signature
import resource

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from live_engine.api.problems import MEDIA_TYPE, Refused
from live_engine.events import encoder

HEADERS_S = 10.0
CONNECTIONS = 2_000
SPARE = 256  # descriptors for all else, and for connections that are taken at once and refused right after
BACKLOG = 128
FULL = ("too-many-connections", "there are more connections than are taken", "close some, or try again later")


def most_connections() -> int:
    """How many connections the limit of file descriptors leaves room for; raises the soft limit as far as is needed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(1, min(CONNECTIONS, soft - SPARE))


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to waiting for the headers of a request, the first one or a later one."""

    headers_s = HEADERS_S
    most = CONNECTIONS
    _deadline: asyncio.TimerHandle | None = None

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
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            self._wait()
        else:
            self._stop()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem document, and close."""
        self._refuse(Refused(400, "malformed-request", msg, "send HTTP/1.1"))

    def _refuse(self, refused: Refused) -> None:
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # half an answer is out
            self.transport.close()
            return
        problem = refused.problem("")
        data = encoder.encode(problem)
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(data))), ("connection", "close")]
        response = h11.Response(
            status_code=refused.status, headers=[*headers, *refused.headers.items()], reason=problem.title.encode()
        )
        events = response, h11.Data(data=data), h11.EndOfMessage()
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_s, self._give_up)

    def _stop(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()
