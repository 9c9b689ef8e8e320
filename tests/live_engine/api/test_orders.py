"""Orders over HTTP: new, again, another one under the same id, denied, cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.live_engine.api.conftest import order

if TYPE_CHECKING:
    from tests.live_engine.api.conftest import Served


def test_x(api: Served) -> None:
    for m, p, b in [("GET", "/health", None), ("GET", "/metrics", None), ("POST", "/api/v1/orders", order()), ("POST", "/api/v1/orders", order()), ("GET","/api/v1/openapi.json",None),("GET","/nope",None),("PUT","/health",None), ("GET","/api/v1/events",None)]:
        r = api.call(m, p, b, role="trader")
        print(m, p, r.status, r.headers, r.body[:600])
    assert 0
