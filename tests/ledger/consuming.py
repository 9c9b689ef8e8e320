"""A process that takes the journal into the ledger, as a run's worker does, and is killed between two of its steps.

usage: python -m tests.ledger.consuming STEP JOURNAL TO_SEQ BATCH_EVENTS

A step is a flush, a rename, a commit of Delta's, a call of the journal's, a statement or commit of TimescaleDB's where
one is configured: before and after each it may die. Step 0 lets it live. Below 0 it stops at that step of
TimescaleDB's, writes a line, and goes on when it is given one: the server may have been killed meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from live_engine.journal import consumers
from pi5_pipelines.ledger import commits, hot
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable


class Steps:
    """Counts, and dies at a count, or waits there."""

    def __init__(self, last: int) -> None:
        self.last, self.count, self.count_there = last, 0, 0

    def around(self, call: Callable[..., Any], *, there: bool = False) -> Callable[..., Any]:
        """The same call, with a step before it and one after; `there` is in the database."""

        def counted(*args: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever it takes
            self.step(there=there)
            answer = call(*args, **options)
            self.step(there=there)
            return answer

        return counted

    def step(self, *, there: bool = False) -> None:
        """Count one; die at the last, or let the other one kill."""
        self.count += 1
        self.count_there += there
        if self.count == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        if there and self.count_there == -self.last:
            print("stopped", flush=True)  # noqa: T201 - for the test
            sys.stdin.readline()


def main() -> None:
    """Consume, or die on the way."""
    last, journal, to_seq, batch_events = sys.argv[1:]
    steps = Steps(int(last))
    here = ((os, "fsync"), (Path, "replace"), (commits, "write_deltalake"), (consumers, "move"))
    there = ((psycopg.Connection, "execute"), (psycopg.Cursor, "executemany"), (psycopg.Transaction, "__exit__"))
    for owner, name in (*here, *there):
        setattr(owner, name, steps.around(getattr(owner, name), there=(owner, name) in there))
    settings = load_settings()
    consume(settings, journal=journal, to_seq=int(to_seq), batch_events=int(batch_events))
    if settings.timescale.dsn:
        hot.follow(settings, batch_events=int(batch_events))


if __name__ == "__main__":
    main()
