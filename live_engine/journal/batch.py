"""A batch of appends in one transaction: all of it is kept, less what was refused, or nothing is."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from live_engine.errors import DuplicateIntentError, EventRefusedError
from live_engine.events import Event, OrderIntent, decoder, encoder, type_of
from live_engine.journal import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from live_engine.events import AnyBody

MAX_BODY_BYTES = 16_000_000
INSERT = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
FIRST_INTENT = "SELECT seq FROM events WHERE type = 'OrderIntent' AND client_order_id = ?"

Outcome = tuple[Event, ...] | DuplicateIntentError


@dataclass(frozen=True, slots=True)
class Append:
    """Bodies that are kept together or not at all, when they were handed in, and who waits for them."""

    bodies: tuple[AnyBody, ...]
    texts: tuple[str, ...]
    cause: int
    flow: str
    wall_ns: int
    mono_ns: int
    future: Future[tuple[Event, ...]]

    @property
    def intents(self) -> list[str]:
        """The client order ids that the bodies take."""
        return [body.client_order_id for body in self.bodies if isinstance(body, OrderIntent)]


def written(bodies: Iterable[AnyBody], cause: int, flow: str, where: Path) -> tuple[tuple[AnyBody, ...], list[str]]:
    """Bodies as a reader will get them, and their JSON.

    Raises EventRefusedError for what would come back otherwise: NaN, an infinity, half a surrogate pair, a wrong type.
    """
    hint = "nothing was written; mend the value and hand it in again"
    read: list[AnyBody] = []
    texts: list[str] = []
    try:
        flow.encode()
        for body in bodies:
            data = encoder.encode(body)
            read.append(decoder.decode(data))
            texts.append(data.decode())
            if len(data) > MAX_BODY_BYTES:
                raise EventRefusedError(
                    f"{type_of(body)} has {len(data)} bytes, more than {MAX_BODY_BYTES}", where=str(where), hint=hint
                )
    except (msgspec.MsgspecError, UnicodeError, TypeError, ValueError, RecursionError) as error:
        raise EventRefusedError(f"an event cannot be written: {error}", where=str(where), hint=hint) from error
    if not texts or not 0 <= cause <= schema.MAX_SEQ:
        what = f"cause {cause} is no seq" if texts else "no event was given"
        raise EventRefusedError(what, where=str(where), hint=hint)
    return tuple(read), texts


def commit(connection: sqlite3.Connection, batch: Sequence[Append], last_seq: int, where: Path) -> list[Outcome]:
    """Write a batch after `last_seq`; what each append became, in order, known to be on the device.

    Raises sqlite3.Error when the device refuses: then nothing of the batch is acknowledged.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        outcomes = _numbered(connection, batch, last_seq, where)
        connection.executemany(INSERT, _rows(batch, outcomes))
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the first error tells more
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise
    return outcomes


def _numbered(connection: sqlite3.Connection, batch: Sequence[Append], last_seq: int, where: Path) -> list[Outcome]:
    taken: dict[str, int] = {}
    outcomes: list[Outcome] = []
    for append in batch:
        duplicate = _duplicate(connection, append.intents, taken, where)
        if duplicate is not None:
            outcomes.append(duplicate)
            continue
        events = tuple(
            Event(
                seq=seq, wall_ns=append.wall_ns, mono_ns=append.mono_ns, body=body, cause=append.cause, flow=append.flow
            )
            for seq, body in enumerate(append.bodies, start=last_seq + 1)
        )
        taken |= {event.body.client_order_id: event.seq for event in events if isinstance(event.body, OrderIntent)}
        last_seq += len(events)
        outcomes.append(events)
    return outcomes


def _duplicate(
    connection: sqlite3.Connection, intents: list[str], taken: dict[str, int], where: Path
) -> DuplicateIntentError | None:
    """Why an append's intents are refused: an id of the file's, of this batch's or twice in the append."""
    for position, client_order_id in enumerate(intents):
        row = connection.execute(FIRST_INTENT, (client_order_id,)).fetchone()
        seq = row[0] if row else taken.get(client_order_id)
        if seq is not None or client_order_id in intents[:position]:
            return DuplicateIntentError(client_order_id, seq or 0, where=str(where))
    return None


def _rows(batch: Sequence[Append], outcomes: Sequence[Outcome]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = []
    for append, outcome in zip(batch, outcomes, strict=True):
        if isinstance(outcome, DuplicateIntentError):
            continue
        for event, text in zip(outcome, append.texts, strict=True):
            order = getattr(event.body, "client_order_id", None)
            name = type_of(event.body)
            crc = schema.checksum(event.seq, text.encode())
            rows.append((event.seq, event.wall_ns, event.mono_ns, name, event.cause, event.flow, order, text, crc))
    return rows
