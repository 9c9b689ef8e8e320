"""Where reading is done: at the replica while it answers, else at the primary; and how far the replica is behind."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pi5_pipelines.errors import TimescaleError, TimescaleUnreachableError
from pi5_pipelines.timescale.connection import access, connect

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

    from pi5_pipelines.settings import TimescaleSettings
    from pi5_pipelines.timescale.connection import Access

# A replica that has replayed all it received is not behind while it still receives; one that lost its primary gets no
# younger than its last transaction.
REPLAYED = """
SELECT pg_is_in_recovery(),
       EXISTS (SELECT FROM pg_stat_wal_receiver),
       CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text END,
       CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
             AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::double precision END
"""
WRITTEN = "SELECT CASE WHEN NOT pg_is_in_recovery() THEN pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::bigint END"
SLOTS = """
SELECT slot_name, active, coalesce(wal_status, ''),
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint END
FROM pg_replication_slots WHERE slot_type = 'physical' ORDER BY slot_name
"""


@dataclass(frozen=True, slots=True)
class Reader:
    """An open connection that only reads; `fell_back` says why it is not where [timescale] reader_dsn points."""

    connection: psycopg.Connection
    shown: str
    fell_back: str = ""


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a replica is behind: seconds (None: it has replayed nothing yet) and bytes (None: no primary to ask)."""

    replica: bool
    streaming: bool
    seconds: float | None
    bytes: int | None

    @property
    def sentence(self) -> str:
        """The lag in words."""
        if not self.replica:
            return "this is the primary"
        behind = "an unknown time" if self.seconds is None else f"{self.seconds:.1f} s"
        told = f"{behind} behind" if self.bytes is None else f"{behind} and {self.bytes:,} bytes behind"
        return told if self.streaming else f"{told}, and cut off from its primary"


@dataclass(frozen=True, slots=True)
class Slot:
    """What the primary keeps for one replica."""

    name: str
    active: bool
    wal_status: str
    kept_bytes: int

    @property
    def trouble(self) -> str:
        """What is wrong with it; empty when nothing is."""
        if self.wal_status == "lost":
            return f"{self.name} has lost its place: make the replica anew with pg_basebackup"
        if not self.active:
            return f"nobody reads from {self.name}, and {self.kept_bytes:,} bytes are kept for it"
        return ""


@contextmanager
def reading(settings: TimescaleSettings) -> Iterator[Reader]:
    """A connection for reading: to the replica where there is one and it answers, else to the primary.

    Whichever it is refuses to write. A wrong password or user is an error, not a reason to fall back. Raises
    ConfigError, TimescaleError.
    """
    with ExitStack() as stack:
        wanted = access(settings, reader=True)
        try:
            reader = Reader(stack.enter_context(connect(read_only(wanted))), wanted.shown)
        except TimescaleUnreachableError as error:
            if not settings.reader_dsn:
                raise
            primary = access(settings)
            reader = Reader(stack.enter_context(connect(read_only(primary))), primary.shown, str(error))
        yield reader


def read_only(access: Access) -> Access:
    """The same access, whose every transaction refuses to write."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    own = conninfo_to_dict(access.conninfo).get("options") or ""
    options = f"{own} -c default_transaction_read_only=on".strip()
    return replace(access, conninfo=make_conninfo(access.conninfo, options=options))


def lag(replica: psycopg.Connection, primary: psycopg.Connection | None = None) -> Lag:
    """How far a reader's server is behind; in bytes too when its primary can be asked."""
    row = replica.execute(REPLAYED).fetchone()
    assert row is not None  # noqa: S101 - a query without FROM answers one row
    is_replica, streaming, replayed, seconds = row
    behind = None
    if is_replica and primary is not None and replayed is not None:
        told = primary.execute(WRITTEN, (replayed,)).fetchone()
        behind = max(0, told[0]) if told and told[0] is not None else None
    return Lag(is_replica, streaming, None if seconds is None else max(0.0, float(seconds)), behind)


def reader_lag(settings: TimescaleSettings) -> tuple[Reader, Lag]:
    """Who answers readers now and how far that is behind; the connection in it is closed. Raises as `reading`."""
    with reading(settings) as reader:
        try:
            with connect(access(settings)) as primary:
                return reader, lag(reader.connection, primary)
        except TimescaleError:  # a replica outlives its primary
            return reader, lag(reader.connection)


def slots(primary: psycopg.Connection) -> list[Slot]:
    """What a primary keeps for its replicas."""
    return [Slot(*row) for row in primary.execute(SLOTS).fetchall()]
