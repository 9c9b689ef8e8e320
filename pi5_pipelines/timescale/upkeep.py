"""A night of the hot tier over all its tables: closed chunks take less room, old ones become the lake's, and go.

Days are counted back from a table's own newest row, so that a feed that stopped loses nothing for having stopped.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pi5_pipelines.timescale.age import compress_before, drop_before, hand_over_before
from pi5_pipelines.timescale.compression import CompressReport, Saving, compress, savings
from pi5_pipelines.timescale.connection import access, connect
from pi5_pipelines.timescale.edition import detect
from pi5_pipelines.timescale.retention import DropReport, drop_handed_over
from pi5_pipelines.timescale.schema import TABLES
from pi5_pipelines.timescale.tiering import TierReport, tier

if TYPE_CHECKING:
    import psycopg

    from pi5_pipelines.lake.table import Lake
    from pi5_pipelines.settings import Settings

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def shrink(settings: Settings, lake: Lake) -> tuple[list[CompressReport | TierReport], list[Saving]]:
    """Compress closed chunks where the edition can, else hand them over to the lake; what was done, and what it saves.

    Raises ConfigError, TimescaleError, LakeError.
    """
    done: list[CompressReport | TierReport] = []
    with connect(access(settings.timescale)) as connection:
        if detect(connection).compresses:
            for table in TABLES:
                before = compress_before(settings.timescale, _newest(connection, table))
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
    before = drop_before(now or datetime.now(UTC))
    with connect(access(settings.timescale)) as connection:
        return [drop_handed_over(connection, lake, table, verified_before=before) for table in TABLES]


def _tier(connection: psycopg.Connection, settings: Settings, lake: Lake) -> list[TierReport]:
    done = []
    for table in TABLES:
        before = hand_over_before(settings.timescale, table, _newest(connection, table))
        # A table whose rows stay for good has late rows all the same once its days were fewer.
        done.append(tier(connection, lake, table, before=before or NEVER))
    return done


def _newest(connection: psycopg.Connection, table: str) -> datetime:
    """The time of a table's newest row; now when it has none."""
    from psycopg import sql

    row = connection.execute(sql.SQL("SELECT max(ts) FROM public.{}").format(sql.Identifier(table))).fetchone()
    newest: datetime | None = row[0] if row else None
    return newest.astimezone(UTC) if newest else datetime.now(UTC)
