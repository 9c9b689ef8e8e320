"""Whether the engine is well, and its figures.

/health needs no token: what watches a process should hold no secret. /metrics tells more, so it needs one, except from
this machine itself; behind a proxy everybody seems to come from this machine, so there it always does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.api.operation import Answer, Call, Operation
from live_engine.api.views import HealthView
from live_engine.settings import is_loopback

if TYPE_CHECKING:
    from live_engine.api.operation import House, Request

PROMETHEUS = "text/plain; version=0.0.4"


async def health(call: Call) -> Answer:
    """200, or 503 with the reasons."""
    reasons = tuple(call.desk.health())
    return Answer(503 if reasons else 200, HealthView(healthy=not reasons, reasons=reasons))


async def metrics(call: Call) -> Answer:
    """The engine's figures, then the API's own."""
    house = call.house
    text = call.desk.metrics() + house.figures.text(auth_failures=house.access.failures)
    return Answer(200, text, media_type=PROMETHEUS)


def _from_here(house: House, request: Request) -> bool:
    return not house.behind_proxy and is_loopback(request.address)


OPERATIONS = (
    Operation(
        method="GET",
        path="/health",
        name="getHealth",
        summary="200 when the engine is well, else 503 with the reasons",
        role=None,
        act=health,
        answers={200: HealthView, 503: HealthView},
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="getMetrics",
        summary="Figures in the Prometheus text format; without a token from this machine only",
        act=metrics,
        open_to=_from_here,
        answers={200: str},
        media_type=PROMETHEUS,
    ),
)
