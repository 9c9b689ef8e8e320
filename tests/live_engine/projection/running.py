"""A projector at work, beside whatever a test does to its database and its journal."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from live_engine.journal import consumers
from live_engine.journal.reader import JournalReader
from live_engine.projection import CONSUMER
from live_engine.projection.projector import Pace, Projector
from live_engine.settings import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from live_engine.journal.writer import Journal

PATIENCE_S = 30.0
QUICK = Pace(batch_events=97, poll_s=0.01, longest_pause_s=0.2, place_every_s=0)


def projector(
    path: Path,
    dsn: str,
    tell: Callable[[int], object] = int,
    *,
    password_file: str = "",
    origin: str = "here",
    pace: Pace = QUICK,
) -> Projector:
    """One without an engine, that tells how far it has come."""

    def place(seq: int) -> Future[None]:
        tell(seq)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def last_seq() -> int:
        with JournalReader(path) as reader:
            return reader.last_seq()

    return Projector(path, Database(dsn, password_file, origin), last_seq=last_seq, place=place, pace=pace)


def of_engine(journal: Journal, dsn: str) -> Projector:
    """One as the engine starts it."""

    def place(seq: int) -> Future[None]:
        return journal.run(lambda file: consumers.place(file, CONSUMER, seq, time.time_ns()))

    return Projector(
        journal.path, Database(dsn, "", "here"), last_seq=lambda: journal.last_seq, place=place, pace=QUICK
    )


@asynccontextmanager
async def running(one: Projector) -> AsyncIterator[Projector]:
    """The projector while it runs; what it raised is raised at the end."""
    stop = asyncio.Event()
    task = asyncio.create_task(one.run(stop))
    try:
        yield one
    finally:
        stop.set()
        await task


async def until(what: Callable[[], object], told: Callable[[], str] = str) -> None:
    """Wait for something to become true, or say what was told in its place."""
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, told()
        await asyncio.sleep(0.005)


async def caught_up(one: Projector) -> None:
    """Run a projector until nothing is left to be projected."""
    async with running(one):
        await until(lambda: one.projected_seq and not one.lag_events, lambda: one.last_error)


def project_all(path: Path, dsn: str) -> Projector:
    """Bring a journal into a database; answers the projector, which has ended."""
    one = projector(path, dsn)
    asyncio.run(caught_up(one))
    return one


def refused(path: Path, dsn: str) -> str:
    """The line that a projector says when it does not go on."""

    async def ended() -> str:
        one = projector(path, dsn)
        async with running(one):
            await until(lambda: one.last_error)
            return one.last_error

    return asyncio.run(ended())
