"""Hours and days out of minutes, kept by the database: continuous aggregates on the Community edition, views elsewhere.

Both have the same names, columns and answers. A continuous aggregate answers for what has changed below its watermark
only after a refresh, which the night asks for by itself: a small machine may have no background worker to spare.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, LiteralString

from pi5_pipelines.timescale.connection import access, connect
from pi5_pipelines.timescale.edition import detect

if TYPE_CHECKING:
    from datetime import datetime

    import psycopg
    from psycopg import sql

    from pi5_pipelines.settings import TimescaleSettings
    from pi5_pipelines.timescale.edition import Edition


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Bars of a longer timeframe, and the relation whose bars they are made of."""

    name: str
    source: str
    bucket: str


# Each is made of the one before, so that a day is 24 rows and not 1,440.
AGGREGATES = (
    Aggregate("hours_of_minutes", "bars_1m", "1 hour"),
    Aggregate("days_of_minutes", "hours_of_minutes", "1 day"),
)

STANDING = """
SELECT c.relname, EXISTS (
    SELECT FROM timescaledb_information.continuous_aggregates AS a
    WHERE a.view_schema = 'public' AND a.view_name = c.relname
)
FROM pg_class AS c WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY (%s)
"""
BODY = """
SELECT symbol, time_bucket({bucket}, ts) AS ts, first(open, ts) AS open, max(high) AS high, min(low) AS low,
       last(close, ts) AS close, sum(volume)::bigint AS volume
FROM public.{source} GROUP BY symbol, time_bucket({bucket}, ts)
"""
CONTINUOUS = """
CREATE MATERIALIZED VIEW public.{name} WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
{body} WITH NO DATA
"""
COMPUTED = "CREATE VIEW public.{name} AS {body}"
READABLE = """
CREATE VIEW public.{readable} AS
SELECT b.symbol, b.ts, b.open * i.price_unit AS open, b.high * i.price_unit AS high, b.low * i.price_unit AS low,
       b.close * i.price_unit AS close, b.volume * i.size_unit AS volume
FROM public.{name} AS b LEFT JOIN public.instruments AS i ON i.symbol = b.symbol
"""
OWNED = "ALTER {kind} public.{name} OWNER TO pi5_owner"
GRANTED = "GRANT SELECT ON public.{name} TO pi5_reader, pi5_writer"
COMPLETE = "SELECT time_bucket({bucket}, max(ts)) FROM public.{source}"


@dataclass(frozen=True, slots=True)
class Refreshed:
    """One aggregate after a refresh: how it is kept, up to when its answers are stored, and the seconds it took."""

    name: str
    continuous: bool
    stored_until: datetime | None
    seconds: float


def put(connection: psycopg.Connection, edition: Edition) -> tuple[str, ...]:
    """Make what is missing, and turn views into continuous aggregates once the edition has them; answers what it made.

    `connection` is in autocommit mode and belongs to who may migrate.
    """
    kept: dict[str, bool] = dict(connection.execute(STANDING, ([one.name for one in AGGREGATES],)).fetchall())
    if all(one.name in kept and kept[one.name] >= edition.compresses for one in AGGREGATES):
        return ()
    with connection.transaction():
        for one in reversed(AGGREGATES):  # the days stand on the hours
            if one.name in kept:
                drop = (
                    "DROP MATERIALIZED VIEW public.{name} CASCADE"
                    if kept[one.name]
                    else "DROP VIEW public.{name} CASCADE"
                )
                connection.execute(_sql(drop, one))
        for one in AGGREGATES:
            connection.execute(_sql(CONTINUOUS if edition.compresses else COMPUTED, one))
            connection.execute(_sql(READABLE, one))
            _hand_over(connection, one, edition)
    return tuple(one.name for one in AGGREGATES)


def refresh(connection: psycopg.Connection, edition: Edition) -> list[Refreshed]:
    """Bring the stored answers up to date, each up to its last whole bucket: later rows are computed when asked for.

    Does nothing where the aggregates are views. `connection` is in autocommit mode. Raises TimescaleError.
    """
    from psycopg import sql

    done = []
    for one in AGGREGATES:
        started, until = time.perf_counter(), None
        if edition.compresses:
            row = connection.execute(_sql(COMPLETE, one)).fetchone()
            until = row[0] if row else None
        if until is not None:
            call = "CALL refresh_continuous_aggregate({name}, NULL, {until})"
            name = sql.Literal(f"public.{one.name}")
            connection.execute(sql.SQL(call).format(name=name, until=sql.Literal(until)))
        done.append(Refreshed(one.name, edition.compresses, until, time.perf_counter() - started))
    return done


def refresh_all(settings: TimescaleSettings) -> list[Refreshed]:
    """Refresh the configured server's aggregates; raises ConfigError, TimescaleError."""
    with connect(access(settings)) as connection:
        return refresh(connection, detect(connection))


def _hand_over(connection: psycopg.Connection, one: Aggregate, edition: Edition) -> None:
    for name, kind in (
        (one.name, "MATERIALIZED VIEW" if edition.compresses else "VIEW"),
        (f"{one.name}_readable", "VIEW"),
    ):
        named = Aggregate(name, one.source, one.bucket)
        connection.execute(_sql(OWNED, named, kind))
        connection.execute(_sql(GRANTED, named))


def _sql(text: LiteralString, one: Aggregate, kind: LiteralString = "") -> sql.Composed:
    from psycopg import sql

    names = {
        "name": sql.Identifier(one.name),
        "readable": sql.Identifier(f"{one.name}_readable"),
        "source": sql.Identifier(one.source),
        "bucket": sql.SQL("{}::interval").format(sql.Literal(one.bucket)),
    }
    return sql.SQL(text).format(body=sql.SQL(BODY).format(**names), kind=sql.SQL(kind), **names)
