"""Tickets: what a browser shows instead of its token when it opens the stream, good once and for seconds.

A browser cannot put a header on a WebSocket, and an address is written to logs; so it fetches a ticket with its token
and sends that in its first message. Tickets live in memory: a restart ends them all. Asking for one changes nothing of
the engine, so the journal does not tell it.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from live_engine.api.operation import Answer, Call, Operation
from live_engine.api.tokens import digest
from live_engine.api.views import TicketView

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.api.tokens import Token

LIFE_S = 30
NS_PER_S = 1_000_000_000
MOST = 1_000  # that wait at once; the oldest goes first


@dataclass(frozen=True, slots=True)
class _Ticket:
    token: Token
    expires_ns: int


class Tickets:
    """Tickets that were given out and not used yet; `clock` answers nanoseconds that never step back."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._waiting: dict[str, _Ticket] = {}

    def give(self, token: Token) -> str:
        """A new ticket, bound to the token that asks for it and so to its role."""
        now_ns = self._clock()
        for key in [key for key, one in self._waiting.items() if one.expires_ns <= now_ns]:
            del self._waiting[key]
        while len(self._waiting) >= MOST:
            del self._waiting[next(iter(self._waiting))]
        secret = secrets.token_urlsafe(32)
        self._waiting[digest(secret)] = _Ticket(token, now_ns + LIFE_S * NS_PER_S)
        return secret

    def use(self, secret: str) -> Token | None:
        """The token behind a ticket, once; None when it is unknown, used or too old."""
        ticket = self._waiting.pop(digest(secret), None)
        return ticket.token if ticket is not None and self._clock() < ticket.expires_ns else None


async def ticket(call: Call) -> Answer:
    """A ticket for the role of the token that asks."""
    return Answer(201, TicketView(call.house.tickets.give(call.signed_in.token), LIFE_S))


OPERATIONS = (
    Operation(
        method="POST",
        path="/api/v1/tickets",
        name="createTicket",
        summary="A ticket that opens the stream once, for browsers",
        act=ticket,
        answers={201: TicketView},
    ),
)
