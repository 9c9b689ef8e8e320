"""Whether the books balance, and whether they are the engine's own state after the same event."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

import polars as pl

from live_engine.events import OrderIntent
from live_engine.orders.book import OrderBook
from live_engine.orders.exact import EXACT
from pi5_pipelines.lake.damage import collect
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger.commits import settled, still
from pi5_pipelines.ledger.offset import CASH, DAILY, ORDERS, POSITIONS, POSTINGS, TABLES
from pi5_pipelines.ledger.postings import UNITS, ZERO, text
from pi5_pipelines.ledger.source import Source, journal_file, plainly

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from live_engine.events import Event
    from live_engine.orders.order import Order
    from pi5_pipelines.settings import Settings

LINE = ("seq", "account", "unit", "amount")
RECENT_EVENTS = 100_000  # what one run takes in at most, so that looking at these looks at every event once
SHOWN = 5
Owner = tuple[str, str]  # strategy and symbol
NOBODY: Owner = ("", "")


def unbalanced(lake: Lake, epoch: str, *, newest: int | None = None) -> list[str]:
    """What does not add up to nothing: each event's postings, and positions, cash and days altogether.

    `newest` looks at the postings of that many events alone.
    """
    with still(lake):
        after_seq = 0 if newest is None else settled(lake, POSTINGS, epoch).seq - newest
        rows = _postings(lake, epoch, after_seq)
        tables = {name: lake.read(name).filter(pl.col("journal") == epoch) for name in (POSITIONS, CASH, DAILY)}
    found = [f"event {seq}: {unit} is off by {off:f}" for seq, unit, off in _off(rows)]
    total: defaultdict[str, Decimal] = defaultdict(Decimal)
    for currency, cost in tables[POSITIONS].select("currency", "cost").iter_rows():
        total[currency] = EXACT.add(total[currency], Decimal(cost))
    for currency, amount in tables[CASH].select("currency", "amount").iter_rows():
        total[currency] = EXACT.add(total[currency], Decimal(amount))
    for currency, net in tables[DAILY].select("currency", "net").iter_rows():
        total[currency] = EXACT.subtract(total[currency], Decimal(net))
    return found + [f"{name}: cost and cash are not what was earned, by {off:f}" for name, off in total.items() if off]


def differing(settings: Settings) -> tuple[int, list[str]]:
    """The journal's last event in the ledger, and how the ledger differs from the engine's fold up to it.

    Folds the whole journal, with its exported days, one book for each strategy (and for orders by hand) and symbol:
    their positions add up to the engine's, whose strategies share a book. Raises LedgerError.
    """
    lake = Lake(settings.folder("lake"))
    source = Source(journal_file(settings), settings.folder("exports") / "journal")
    try:
        with still(lake):
            seq = min(settled(lake, table, source.epoch).seq for table in TABLES)
            own = {table: lake.read(table).filter(pl.col("journal") == source.epoch) for table in (POSITIONS, CASH)}
            files = [path for path, _ in lake.files(ORDERS)] if seq else []
        with plainly():
            books = fold(source.events(0, seq))
    finally:
        source.close()
    found = [*_differ("position", _positions_of(books), _told(own[POSITIONS], POSITION)), *_cash(books, own[CASH])]
    return seq, [*found, *_orders(files, (pl.col("journal") == source.epoch) & (pl.col("seq") <= seq), books)]


def fold(events: Iterable[Event]) -> dict[Owner, OrderBook]:
    """The engine's books by strategy ("": by hand) and symbol; that of NOBODY holds what no order is known of."""
    books = {NOBODY: OrderBook()}
    for event in events:
        body, order_id = event.body, getattr(event.body, "client_order_id", "")
        if not order_id:
            continue
        if isinstance(body, OrderIntent):
            owner = (body.strategy, body.symbol)
            if owner not in books:
                books[owner] = OrderBook()
                books[owner].strays = {name: dict(strays) for name, strays in books[NOBODY].strays.items()}
            owners = [books[owner]]
        else:
            # A fill of an order that is not known yet waits in every book: its intent will say whose it is.
            owners = [book for book in books.values() if order_id in book.orders] or [*books.values()]
        for book in owners:
            book.apply(body, event.seq, event.wall_ns)
    return books


Told = dict[tuple[str, ...], tuple[str, ...]]
POSITION = ("strategy", "symbol"), ("currency", "quantity", "cost", "realised", "fees")


def _positions_of(books: dict[Owner, OrderBook]) -> Told:
    return {
        (strategy, one.symbol): (one.currency, *map(text, (one.quantity, one.cost, one.realised, one.fees)))
        for (strategy, _), book in books.items()
        for one in book.positions.by_symbol.values()
    }


def _cash(books: dict[Owner, OrderBook], rows: pl.DataFrame) -> Iterator[str]:
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for (strategy, _), book in books.items():
        for currency, amount in book.positions.cash.items():
            sums[strategy, currency] = EXACT.add(sums[strategy, currency], amount)
    engine: Told = {key: (text(amount),) for key, amount in sums.items()}
    yield from _differ("cash", engine, _told(rows, (("strategy", "currency"), ("amount",))))


def _orders(files: list[Path], own: pl.Expr, books: dict[Owner, OrderBook]) -> Iterator[str]:
    """The orders that the engine remembers; of older ones it knows less than the ledger."""
    wanted: dict[str, Order] = {order.id: order for book in books.values() for order in book.orders.values()}
    if not wanted:
        return
    scan = pl.scan_parquet(files, hive_partitioning=False).filter(
        own & pl.col("client_order_id").is_in(list(wanted)) & pl.col("status").is_not_null()
    )
    newest = collect(scan.sort("seq").group_by("client_order_id").agg(pl.col("status", "filled").last()), ORDERS)
    engine: Told = {(name,): (str(order.status), text(order.filled)) for name, order in wanted.items()}
    yield from _differ("order", engine, _told(newest, (("client_order_id",), ("status", "filled"))))


def _told(rows: pl.DataFrame, columns: tuple[tuple[str, ...], tuple[str, ...]]) -> Told:
    key, values = columns
    return {row[: len(key)]: row[len(key) :] for row in rows.select(*key, *values).iter_rows()}


def _differ(what: str, engine: Told, ledger: Told) -> Iterator[str]:
    for key in sorted(engine.keys() | ledger.keys()):
        if engine.get(key) != ledger.get(key):
            yield f"{what} {' '.join(key)}: {ledger.get(key)} in the ledger, {engine.get(key)} in the engine's fold"


def _postings(lake: Lake, epoch: str, after_seq: int) -> pl.DataFrame:
    if lake.version(POSTINGS) is None:
        return lake.read(POSTINGS).select(LINE)
    scan = pl.scan_parquet([path for path, _ in lake.files(POSTINGS)], hive_partitioning=False)
    chosen = scan.filter((pl.col("journal") == epoch) & (pl.col("seq") > after_seq))
    return collect(chosen.select(LINE), POSTINGS)


def _off(postings: pl.DataFrame) -> list[tuple[int, str, Decimal]]:
    sums: dict[tuple[int, str, bool], Decimal] = {}
    for seq, account, unit, amount in postings.iter_rows():
        key = (seq, unit, account in UNITS)
        total = EXACT.add(sums.get(key, ZERO), Decimal(amount))
        if total:
            sums[key] = total
        else:
            sums.pop(key, None)  # what balances takes no room
    return [(seq, unit, total) for (seq, unit, _), total in sorted(sums.items())]


def summary(problems: list[str]) -> str:
    """The first of many problems, in one line."""
    more = f"; {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return "; ".join(problems[:SHOWN]) + more
