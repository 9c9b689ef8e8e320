"""A night of the hot tier over all its tables: closed chunks take less room, old ones become the lake's, and go.

Days are counted back from a table's own newest row, so that a feed that stopped loses nothing for having stopped.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pi5_pipelines.timescale.compression import CompressReport, Saving, compress, savings
from pi5_pipelines.timescale.connection import access, connect
from pi5_pipelines.timescale.edition import detect
from pi5_pipelines.timescale.retention import DropReport, drop_handed_over
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.tiering import TierReport, tier

if TYPE_CHECKING:
    import psycopg

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings, TimescaleSettings

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
# Chunks are dropped by a later night than the one that handed them over: there is a backup of the lake in between.
GRACE = timedelta(hours=12)


def shrink(settings: Settings, lake: Lake) -> tuple[list[CompressReport | TierReport], list[Saving]]:
    """Compress closed chunks where the edition can, else hand them over to the lake; what was done, and what it saves.

    Raises ConfigError, TimescaleError, LakeError.
    """
    done: list[CompressReport | TierReport] = []
    with connect(access(settings.timescale)) as connection:
        if detect(connection).compresses:
            for table in TABLES:
                before = _back(connection, table, settings.timescale.compress_after_days)
                done.append(compress(connection, table, before=before))
        else:
            done += _tier(connection, settings, lake)
        return done, savings(connection)


def hand_over(settings: Settings, lake: Lake) -> list[TierReport]:
    """Hand chunks older than the kept days over to the lake, and merge late rows into it; raises as `shrink`."""
    with connect(access(settings.timescale)) as connection:
        return _tier(connection, settings, lake)


def drop(settings: Settings, lake: Lake, now: datetime | None = None) -> list[DropReport]:
    """Drop chunks that an earlier night handed over and that the lake still holds; raises as `shrink`."""
    before = (now or datetime.now(UTC)) - GRACE
    with connect(access(settings.timescale)) as connection:
        return [drop_handed_over(connection, lake, table, verified_before=before) for table in TABLES]


def kept_days(settings: TimescaleSettings, table: str) -> int:
    """The days of a table that stay in the hot tier."""
    return settings.keep_ticks_days if table == "ticks" else settings.keep_days


def _tier(connection: psycopg.Connection, settings: Settings, lake: Lake) -> list[TierReport]:
    return [
        tier(connection, lake, table, before=_back(connection, table, kept_days(settings.timescale, table)))
        for table in TABLES
    ]


def _back(connection: psycopg.Connection, table: str, days: int) -> datetime:
    """So many days before a table's newest row."""
    from psycopg import sql

    row = connection.execute(sql.SQL("SELECT max(ts) FROM public.{}").format(sql.Identifier(table))).fetchone()
    newest: datetime | None = row[0] if row else None
    return newest - timedelta(days=days) if newest else NEVER
