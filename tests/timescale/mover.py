"""A process that moves rows to the lake and drops chunks, until it is killed, or its connection is, after a named step.

usage: python -m tests.timescale.mover DSN LAKE TABLE BEFORE kill|cut|run STEP
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from pi5_pipelines.lake.table import Lake
from pi5_pipelines.timescale.retention import drop_handed_over
from pi5_pipelines.timescale.tiering import tier


def main() -> None:
    """Drop what earlier runs handed over, then merge late rows and hand over."""
    dsn, folder, table, before, way, fatal = sys.argv[1:]
    lake = Lake(Path(folder))
    with psycopg.connect(dsn, autocommit=True) as connection:

        def step(name: str) -> None:
            if name != fatal:
                return
            if way == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            with psycopg.connect(dsn, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 10000)", (connection.info.backend_pid,))

        print("moving", flush=True)  # noqa: T201 - the test waits for it
        drop_handed_over(connection, lake, table, verified_before=datetime.now(UTC), step=step)
        tier(connection, lake, table, before=datetime.fromisoformat(before), step=step)


if __name__ == "__main__":
    main()
