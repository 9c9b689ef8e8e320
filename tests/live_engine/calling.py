"""Calls to an engine's API over real HTTP."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from live_engine.api.problems import MEDIA_TYPE


@dataclass(frozen=True)
class Reply:
    """An answer over HTTP."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever it answers
        """The body, decoded."""
        return json.loads(self.body)

    def is_problem(self, status: int) -> bool:
        """Whether it is a problem document of RFC 9457 that says how to mend it."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["content-type"] == MEDIA_TYPE
        told = self.json
        return told["status"] == status and all(told[name] for name in ("type", "title", "detail", "hint"))


class Calling:
    """Something that answers at a port; `secrets` are its tokens by role."""

    port: int
    secrets: dict[str, str]

    def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        role: str = "",
        token: str = "",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """One request over a connection of its own; a body that is no bytes is sent as JSON."""
        sent = dict(headers or {})
        secret = token or self.secrets.get(role, "")
        if secret:
            sent["Authorization"] = f"Bearer {secret}"
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, data, sent)
            response = connection.getresponse()
            told = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, told, response.read())
        finally:
            connection.close()
