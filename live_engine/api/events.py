"""The journal's events over HTTP: everything that happened, from a seq on."""

from __future__ import annotations

from live_engine.api.operation import Answer, Call, Operation
from live_engine.api.schema import EventsQuery
from live_engine.api.views import Events


async def events(call: Call) -> Answer:
    """A page of events; ask again after the last one's seq for the next."""
    query: EventsQuery = call.query
    found = await call.desk.events(after=query.after, limit=query.limit)
    return Answer(200, Events(tuple(found), call.desk.last_seq()))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/events",
        name="listEvents",
        summary="Events above a seq, in order",
        act=events,
        query=EventsQuery,
        answers={200: Events},
    ),
)
