"""The watermark of a table: rows before it are the lake's, and it only moves while nobody writes."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC
from typing import TYPE_CHECKING, TypeVar

from pi5_pipelines.errors import TimescaleUnreachableError
from pi5_pipelines.lake import durability
from pi5_pipelines.timescale.connection import retrying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    import psycopg

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.timescale.schema import HotTable

T = TypeVar("T")

LOCK_WAIT_S = 5  # writers queue behind a lock that is waited for


def watermark(connection: psycopg.Connection, table: HotTable) -> datetime | None:
    """The time before which rows are read from the lake; None when nothing was ever handed over."""
    row = connection.execute("SELECT ts FROM public.watermarks WHERE table_name = %s", (table.name,)).fetchone()
    return row[0].astimezone(UTC) if row else None


def writing(connection: psycopg.Connection, table: HotTable) -> datetime | None:
    """The watermark, which stays where it is until this transaction ends; for those who are about to write."""
    _lock(connection, table, "ROW EXCLUSIVE")
    return watermark(connection, table)


def keep_writers_out(connection: psycopg.Connection, table: HotTable) -> None:
    """Let nobody write a table until this transaction ends; reading goes on. Raises LockNotAvailable."""
    connection.execute(f"SET LOCAL lock_timeout = '{LOCK_WAIT_S}s'")
    _lock(connection, table, "SHARE")


def move(connection: psycopg.Connection, table: HotTable, to: datetime) -> None:
    """Move the watermark forward, in the transaction that keeps writers out."""
    connection.execute(
        """
        INSERT INTO public.watermarks AS known (table_name, ts) VALUES (%s, %s)
        ON CONFLICT (table_name) DO UPDATE SET ts = EXCLUDED.ts, moved_at = now() WHERE known.ts < EXCLUDED.ts
        """,
        (table.name, to),
    )


def _lock(connection: psycopg.Connection, table: HotTable, mode: str) -> None:
    """Lock the hypertable itself: all writing goes through it, and its chunks may be hundreds."""
    from psycopg import sql

    statement = sql.SQL("LOCK TABLE ONLY public.{} IN {} MODE").format(sql.Identifier(table.name), sql.SQL(mode))
    connection.execute(statement)


@contextmanager
def alone(lake: Lake, table: HotTable) -> Iterator[None]:
    """Be the only process that moves a table's rows into a lake; raises LakeLockedError.

    A lock of the server would end with its connection, while this process may still be writing to the lake.
    """
    with durability.write_lock(lake.root, f"{table.name}.tiering", lake.lock_timeout_s):
        yield


def repeated(connection: psycopg.Connection, work: Callable[[], T]) -> T:
    """Do one whole transaction, again when others were in its way; raises TimescaleUnreachableError, psycopg.Error."""

    def once() -> T:
        if connection.closed:
            raise TimescaleUnreachableError(
                "the connection broke",
                where="TimescaleDB",
                hint="repeat it: whatever was begun is completed",
            )
        return work()

    return retrying(once)
