"""The journal taken into the ledger, a batch at a time, each event once however often this is killed or repeated.

A table's offset is part of the commit that wrote its rows. A batch begins at the slowest of the tables; what a table
has already is left out of its commit, and rows follow from the events alone, wherever batches begin and end. So a kill
between any two commits costs the work of a batch, and two runs, or one run twice, write nothing twice.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from pi5_pipelines.errors import LedgerError
from pi5_pipelines.lake.damage import collect
from pi5_pipelines.lake.schema import schema_of
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import commits
from pi5_pipelines.ledger.balances import FOLDS
from pi5_pipelines.ledger.offset import BALANCES, EVENTS, FILLS, ORDERS, POSITIONS, POSTINGS, TABLES, Offset
from pi5_pipelines.ledger.orders import Fold, Past, fill_row, ids_in
from pi5_pipelines.ledger.postings import Holding, Postings
from pi5_pipelines.ledger.source import Source, journal_file

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from live_engine.events import Event
    from pi5_pipelines.ledger.commits import Row
    from pi5_pipelines.ledger.orders import Counted
    from pi5_pipelines.settings import Settings

BATCH_EVENTS = 20_000
HELD = ("strategy", "symbol", "currency", "quantity", "cost")


@dataclass(frozen=True, slots=True)
class Report:
    """What was taken in: the events after `from_seq` and up to `to_seq`, and the rows that each table gained.

    `unmoved` says in a line why the journal could not be told, so that its retention waits; "" when it was.
    """

    journal: str
    from_seq: int
    to_seq: int
    rows: dict[str, int]
    unmoved: str


def consume(
    settings: Settings,
    *,
    journal: str = "",
    to_seq: int = 0,
    batch_events: int = BATCH_EVENTS,
    now_ns: Callable[[], int] = time.time_ns,
) -> Report:
    """Take in what the journal has after the ledger's own offset, up to `to_seq` (0: all there is by now).

    `journal` is the epoch that `to_seq` counts in ("": whichever is there). Raises LakeError, and LedgerError when the
    journal cannot be read, or is not the one that was taken in.
    """
    lake = Lake(settings.folder("lake"))
    with commits.still(lake):
        source = Source(journal_file(settings), settings.folder("exports") / "journal")
        try:
            if journal and journal != source.epoch:
                what = f"it is {source.epoch} now, and {journal} was to be read"
                hint = "another journal was put in its place: what it holds is asked for by itself"
                raise LedgerError(what, where=str(source.path), hint=hint)
            return _Consumer(lake, source, batch_events).run(to_seq or source.last_seq, now_ns)
        finally:
            source.close()


class _Consumer:
    def __init__(self, lake: Lake, source: Source, batch_events: int) -> None:
        self._lake, self._source, self._batch_events = lake, source, batch_events
        self._rows = dict.fromkeys(TABLES, 0)

    def run(self, to_seq: int, now_ns: Callable[[], int]) -> Report:
        for table in TABLES:
            self._source.refuse_strange(self._offset(table))
        self._source.keep_place(self._committed(), now_ns())  # from now on retention waits
        self._balance()
        first = min(self._offset(table).seq for table in EVENTS)
        for batch in self._source.batches(first, min(to_seq, self._source.last_seq), self._batch_events):
            self._take(batch)
            self._balance()
        last = self._committed()
        return Report(self._source.epoch, first, last, self._rows, self._source.keep_place(last, now_ns()))

    def _take(self, batch: Sequence[Event]) -> None:
        before, end = batch[0].seq - 1, Offset(batch[-1].seq, batch[-1].wall_ns)
        rows, counted = self._fold(batch, before)
        self._append(ORDERS, rows, end)
        self._append(FILLS, [fill_row(self._source.epoch, one) for one in counted], end)
        seq = self._offset(POSTINGS).seq
        self._append(POSTINGS, self._postings([one for one in counted if one.seq > seq]), end)

    def _fold(self, batch: Sequence[Event], before: int) -> tuple[list[Row], list[Counted]]:
        """The batch folded upon what the rows up to `before` tell of its orders."""
        epoch, ids = self._source.epoch, ids_in(batch)
        if not ids or before == 0 or self._lake.version(ORDERS) is None:
            return Fold(epoch, {}, []).rows(batch)
        scan = self._scan(ORDERS).filter(pl.col("seq") <= before)
        known = scan.filter(pl.col("client_order_id").is_in(list(ids))).select("client_order_id", "chain").unique()
        chains: dict[str, str] = dict(collect(known, ORDERS).iter_rows())
        wanted = pl.col("client_order_id").is_in(list(ids)) | pl.col("chain").is_in([*chains.values()])
        past = scan.filter(wanted & (pl.col("body") != "")).select("seq", "ts", "body", "client_order_id", "chain")
        events = collect(past, ORDERS).sort("seq")
        chains |= dict(events.select("client_order_id", "chain").iter_rows())
        return Fold(epoch, chains, [Past(*row) for row in events.select("seq", "ts", "body").iter_rows()]).rows(batch)

    def _postings(self, counted: Sequence[Counted]) -> list[Row]:
        if not counted:
            return []
        held = self._own(POSITIONS).select(HELD).iter_rows()
        holdings = {
            (key, symbol): Holding(money, Decimal(size), Decimal(cost)) for key, symbol, money, size, cost in held
        }
        maker = Postings(self._source.epoch, holdings)
        return [row for one in counted for row in maker.of(one)]

    def _balance(self) -> None:
        """Bring the sums up to the postings."""
        end = self._offset(POSTINGS)
        for table in BALANCES:
            offset = self._offset(table)
            if offset.seq > end.seq:
                raise LedgerError(
                    f"it has taken in event {offset.seq}, but {POSTINGS} only {end.seq}",
                    where=f"lake table {table}",
                    hint="tables of the ledger were removed: restore the lake with `pi5 backup restore`",
                )
            if offset.seq < end.seq:
                new = collect(self._scan(POSTINGS).filter(pl.col("seq") > offset.seq), POSTINGS).sort("seq", "line")
                rows = FOLDS[table](self._own(table).iter_rows(), new.iter_rows())
                commits.replace(self._lake, table, self._source.epoch, rows, end)
                self._rows[table] = len(rows)

    def _append(self, table: str, rows: Sequence[Row], end: Offset) -> None:
        self._rows[table] += commits.append(self._lake, table, self._source.epoch, rows, end)

    def _offset(self, table: str) -> Offset:
        return commits.settled(self._lake, table, self._source.epoch)

    def _committed(self) -> int:
        return min(self._offset(table).seq for table in TABLES)

    def _own(self, table: str) -> pl.DataFrame:
        """The journal's rows of a table."""
        return self._lake.read(table).filter(pl.col("journal") == self._source.epoch)

    def _scan(self, table: str) -> pl.LazyFrame:
        """The same, without reading more of it than is asked for."""
        columns = schema_of(table).columns
        files = [path for path, _ in self._lake.files(table)] if self._lake.version(table) is not None else []
        if not files:
            return pl.LazyFrame(schema=dict(columns))
        scan = pl.scan_parquet(files, hive_partitioning=False).select(columns.keys())
        return scan.filter(pl.col("journal") == self._source.epoch)
