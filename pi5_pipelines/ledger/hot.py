"""The ledger in TimescaleDB: what the lake's ledger has and the tables there lack, each row once.

It follows the lake's commits and not the journal, so neither store waits for the other. Rows and the place that they
lead to are one transaction; a connection that broke in the midst of one is asked for the place again. The sums go on
from the rows that are there, so wherever transactions end they are those of the postings up to the place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from live_engine.journal.reader import JournalReader
from pi5_pipelines.errors import LedgerError
from pi5_pipelines.lake.damage import collect
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger.balances import FOLDS
from pi5_pipelines.ledger.commits import settled, still
from pi5_pipelines.ledger.hot_tables import OFFSETS, TABLES, columns_of, key_of, move, place_of, put, rows_of
from pi5_pipelines.ledger.offset import BALANCES, DAILY, EVENTS, FILLS, ORDERS, POSTINGS, Offset
from pi5_pipelines.ledger.source import Source, journal_file, plainly
from pi5_pipelines.timescale.connection import access, connect, explained, pool, retrying

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import psycopg
    from psycopg_pool import ConnectionPool

    from pi5_pipelines.ledger.commits import Row
    from pi5_pipelines.settings import Settings

BATCH_EVENTS = 20_000
STRETCH_EVENTS = 100_000
NUL, INSTEAD = "\0", "\N{REPLACEMENT CHARACTER}"  # PostgreSQL has no NUL in a text


@dataclass(frozen=True, slots=True)
class Lines:
    """The lake's tables of events as they were at one moment, and how far they have taken in each journal by then."""

    files: Mapping[str, list[Path]]
    ends: Mapping[str, Offset]

    def scan(self, table: str, journal: str, after_seq: int, to_seq: int) -> pl.LazyFrame:
        """A journal's rows of a stretch of events, with what PostgreSQL cannot hold in a text replaced."""
        columns = schema_of(table).columns
        if not self.files[table]:
            return pl.LazyFrame(schema=dict(columns))
        rows = pl.scan_parquet(self.files[table], hive_partitioning=False).select(columns.keys())
        stretch = (pl.col("journal") == journal) & (pl.col("seq") > after_seq) & (pl.col("seq") <= to_seq)
        return rows.filter(stretch).with_columns(pl.col(pl.String).str.replace_all(NUL, INSTEAD, literal=True))

    def of(self, table: str, journal: str, after_seq: int, to_seq: int) -> pl.DataFrame:
        """A table's rows as TimescaleDB is to have them: of orders the last one of each."""
        rows = self.scan(table, journal, after_seq, to_seq).select(columns_of(table))
        if table == ORDERS:
            rows = rows.sort("seq").group_by("client_order_id", maintain_order=True).last().select(columns_of(table))
        return collect(rows, table)


@dataclass(slots=True)
class Followed:
    """What was brought: how far the tables had come and have come, of the engine's journal, and rows by table."""

    journal: str
    from_seq: int = 0
    to_seq: int = 0
    rows: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TABLES, 0))


def follow(settings: Settings, *, batch_events: int = BATCH_EVENTS) -> Followed:
    """Bring TimescaleDB's ledger up to the lake's; interrupted anywhere, the next call completes it.

    Raises ConfigError, TimescaleError, LakeError, and LedgerError when the tables there have taken in another history
    of the engine's journal.
    """
    server, source = access(settings.timescale), Source(journal_file(settings), settings.folder("exports") / "journal")
    done = Followed(source.epoch)
    try:
        lines = read_lines(Lake(settings.folder("lake")), source.epoch)
        with pool(server) as connections, explained(server.shown):
            done.from_seq = done.to_seq = _place(connections, source).seq
            for journal, end in lines.ends.items():
                while (seq := _batch(connections, lines, journal, end, batch_events, done.rows)) is not None:
                    done.to_seq = seq if journal == source.epoch else done.to_seq
    finally:
        source.close()
    return done


def read_lines(lake: Lake, epoch: str) -> Lines:
    """The lake's side, held still only while its files are listed.

    The engine's journal, `epoch`, has come as far as the slowest table; an earlier one ends with its last row.
    """
    with still(lake):
        files = {
            table: [path for path, _ in lake.files(table)] if lake.version(table) is not None else []
            for table in EVENTS
        }
        ends = {epoch: min((settled(lake, table, epoch) for table in EVENTS), key=lambda offset: offset.seq)}
    return Lines(files, {**_last_rows(files[ORDERS]), **ends})


def differing(settings: Settings) -> list[str]:
    """In what TimescaleDB's ledger is not the lake's, row by row; raises as `follow` does."""
    lake, server, found = Lake(settings.folder("lake")), access(settings.timescale), []
    with plainly(), JournalReader(journal_file(settings)) as reader:
        lines = read_lines(lake, reader.epoch())
    with connect(server) as connection, explained(server.shown):
        for journal, end in lines.ends.items():
            seq = place_of(connection, journal).seq
            if seq < end.seq:
                found.append(f"{OFFSETS} stands at event {seq:,}, the lake at {end.seq:,}: the job `ledger` brings it")
                continue
            for table in BALANCES:
                own = lake.read(table).filter(pl.col("journal") == journal).select(columns_of(table))
                found += _differ(table, own, rows_of(connection, table, journal))
            found += _events_differing(connection, lines, journal, seq)
    return found


def _events_differing(connection: psycopg.Connection, lines: Lines, journal: str, seq: int) -> Iterator[str]:
    """The same of orders and fills, a stretch of events at a time."""
    newest = collect(lines.scan(ORDERS, journal, 0, seq).group_by("client_order_id").agg(pl.col("seq").max()), ORDERS)
    for first in range(0, seq, STRETCH_EVENTS):
        stretch = (first, min(first + STRETCH_EVENTS, seq))
        for table in (ORDERS, FILLS):
            own = lines.of(table, journal, *stretch)
            if table == ORDERS:
                own = own.join(newest, on=newest.columns, how="semi")
            yield from _differ(table, own, rows_of(connection, table, journal, stretch=stretch))


def _differ(table: str, lake: pl.DataFrame, hot: pl.DataFrame) -> list[str]:
    key = list(key_of(table))
    sides = (("only in the lake", lake, hot), ("only in TimescaleDB, or not so in the lake", hot, lake))
    return [
        f"{table} {' '.join(map(str, row))}: {what}"
        for what, one, other in sides
        for row in one.join(other, on=one.columns, how="anti", nulls_equal=True).select(key).sort(key).iter_rows()
    ]


def _last_rows(files: list[Path]) -> dict[str, Offset]:
    """The last event of each journal that made a row; of the moment it is not known to the nanosecond."""
    if not files:
        return {}
    scan = pl.scan_parquet(files, hive_partitioning=False).group_by("journal").agg(pl.col("seq").max())
    return {journal: Offset(seq) for journal, seq in collect(scan, ORDERS).iter_rows()}


def _place(connections: ConnectionPool, source: Source) -> Offset:
    """How far the tables have come; raises LedgerError when that was by another history of the journal."""

    def look() -> Offset:
        with connections.connection() as connection:
            return place_of(connection, source.epoch)

    place = retrying(look)
    try:
        source.refuse_strange(place)
    except LedgerError as error:
        what = f"{error.what}, by {OFFSETS} of TimescaleDB"
        hint = f"as the tables' owner: SELECT ledger_forget('{source.epoch}'), which makes them anew out of the lake"
        raise LedgerError(what, where=error.where, hint=hint) from error
    return place


def _batch(
    connections: ConnectionPool, lines: Lines, journal: str, end: Offset, size: int, counts: dict[str, int]
) -> int | None:
    """Bring one stretch of events in one transaction; up to which, or None when there is none left."""

    def once() -> tuple[Offset, dict[str, list[Row]]] | None:
        with connections.connection() as connection, connection.transaction():
            place = place_of(connection, journal, lock=True)
            if place.seq >= end.seq:
                return None
            upto = Offset(place.seq + size) if place.seq + size < end.seq else end
            changes = _changes(connection, lines, journal, place.seq, upto.seq)
            for table, rows in changes.items():
                put(connection, table, rows)
            move(connection, journal, upto)
            return upto, changes

    brought = retrying(once)
    if brought is None:
        return None
    for table, rows in brought[1].items():
        counts[table] += len(rows)
    return brought[0].seq


def _changes(
    connection: psycopg.Connection, lines: Lines, journal: str, after_seq: int, to_seq: int
) -> dict[str, list[Row]]:
    """By table, the rows that a stretch of events adds or changes."""
    changes = {table: lines.of(table, journal, after_seq, to_seq).rows() for table in (ORDERS, FILLS)}
    postings = collect(lines.scan(POSTINGS, journal, after_seq, to_seq), POSTINGS).sort("seq", "line")
    days = postings["ts"].dt.date().unique().to_list()
    for table in BALANCES:
        before = rows_of(connection, table, journal, days=days if table == DAILY else None).rows()
        known = set(before)
        changes[table] = [row for row in FOLDS[table](before, postings.iter_rows()) if row not in known]
    return changes
