"""What lies below a request: how long its headers may take to come, and the answer to what is no HTTP at all."""

from __future__ import annotations

import asyncio  # noqa: TC003 - the base class's signature

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from live_engine.api.problems import MEDIA_TYPE, Refused
from live_engine.events import encoder

HEADERS_S = 10.0


class PatientProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with an end to waiting for the headers of a request, the first one or a later one."""

    headers_s = HEADERS_S
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait."""
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        """Wait while headers are incomplete; a body has a limit of its own."""
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
        problem = encoder.encode(Refused(400, "malformed-request", msg, "send HTTP/1.1").problem(""))
        headers = [("content-type", MEDIA_TYPE), ("content-length", str(len(problem))), ("connection", "close")]
        events = h11.Response(status_code=400, headers=headers, reason=b"Bad Request"), h11.Data(data=problem)
        for event in (*events, h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
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
