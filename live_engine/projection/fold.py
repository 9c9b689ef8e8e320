"""What a batch of events makes of the rows that it concerns: no database, no clock, the same rows for the same events.

The fold of orders is the engine's own. It goes on from what the tables hold of the orders that a batch names and of
their chains of replacements, so neither a start nor the memory grows with the journal.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import msgspec

from live_engine import events
from live_engine.orders.book import OrderBook
from live_engine.orders.order import Fill, Order  # noqa: TC001 - msgspec reads the annotations
from live_engine.orders.positions import Position  # noqa: TC001 - as above
from live_engine.projection import rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from live_engine.projection.rows import Row, Rows

NUL, INSTEAD = "\0", "\ufffd"  # PostgreSQL's text holds no NUL
Stray = tuple[int, events.OrderFilled]


class Named(msgspec.Struct, frozen=True):
    """What a batch names: orders, those of them that are wanted or fill in it, and symbols that are wanted."""

    orders: list[str]
    filled: list[str]
    symbols: list[str]


class Held(msgspec.Struct):
    """What the tables hold of that: orders, their fills, fills whose order is not known yet, positions."""

    orders: list[Order] = []
    fills: dict[str, dict[str, Fill]] = {}
    strays: dict[str, dict[str, Stray]] = {}
    positions: dict[str, Position] = {}


class _Book(OrderBook):
    """The engine's book, which forgets nothing here and remembers the event that changed an order last."""

    def __init__(self, held: Held) -> None:
        super().__init__(keep_closed=sys.maxsize)
        self.touched: dict[str, int] = {}
        for order in held.orders:
            self.restore(order, held.fills.get(order.id, {}).values())
        self.strays = {order_id: dict(fills) for order_id, fills in held.strays.items()}
        self.positions.by_symbol = dict(held.positions)

    def _put(self, order: Order) -> None:
        super()._put(order)
        self.touched[order.id] = self.seq


def readable(batch: Sequence[events.Event]) -> list[events.Event]:
    """The events with U+FFFD in place of every NUL in the texts of their bodies."""
    return [_without_nul(event) for event in batch]


def named(batch: Sequence[events.Event]) -> Named:
    """What a batch names, and so needs of the tables."""
    orders: dict[str, None] = {}
    filled: dict[str, None] = {}
    symbols: dict[str, None] = {}
    for body in (event.body for event in batch):
        order_id = getattr(body, "client_order_id", None)
        if order_id is None:
            continue
        orders[order_id] = None
        if isinstance(body, events.OrderIntent | events.OrderFilled):
            filled[order_id] = None
        if isinstance(body, events.OrderIntent):
            symbols[body.symbol] = None
            if body.replaces:
                orders[body.replaces] = None
    return Named([*orders], [*filled], [*symbols])


def fold(journal: str, held: Held, batch: Sequence[events.Event]) -> Rows:
    """The rows that a batch changes, by table; `journal` is its epoch."""
    book = _Book(held)
    found: Rows = {name: [] for name in ("live_account", "live_bars", "live_late_ticks")}
    latest = dict(held.positions)
    positions: dict[str, Row] = {}
    traded_at: dict[int, str] = {}
    for event in batch:
        body, stamp = event.body, {"journal": journal, "seq": event.seq}
        if isinstance(body, events.BarClosed):
            found["live_bars"].append(stamp | rows.bar(body))
        elif isinstance(body, events.LateTick):
            found["live_late_ticks"].append(stamp | rows.late_tick(body))
        elif isinstance(body, events.AccountMarked):
            found["live_account"].append(stamp | rows.mark(body, event.wall_ns))
        elif isinstance(body, events.OrderFilled):
            traded_at[event.seq] = rows.moment(body.traded_ns or event.wall_ns)
        book.apply(body, event.seq, event.wall_ns)
        order = book.orders.get(getattr(body, "client_order_id", ""))
        position = order and book.positions.by_symbol.get(order.intent.symbol)
        if position and latest.get(position.symbol) is not position:
            latest[position.symbol] = position
            positions[position.symbol] = stamp | rows.position(position, event.wall_ns)
    found["live_orders"] = [
        {"journal": journal, "seq": seq} | rows.order(book.orders[name]) for name, seq in book.touched.items()
    ]
    found["live_trades"] = [{"journal": journal} | row for row in _trades(held, book, traded_at)]
    found["live_positions"] = [*positions.values()]
    return found


def _trades(held: Held, book: _Book, traded_at: dict[int, str]) -> Iterator[Row]:
    """New fills, those that were strays before, and new strays."""
    for order_id, fills in book.fills.items():
        known = held.fills.get(order_id, {})
        for fill in fills.values():
            if fill.fill_id not in known:
                at = traded_at.get(fill.seq, "-infinity")  # a stray's own moment stays when it comes to count
                yield {"seq": fill.seq} | rows.trade(order_id, fill, book.orders[order_id], at)
    for order_id, strays in book.strays.items():
        for fill_id, (seq, body) in strays.items():
            if fill_id not in held.strays.get(order_id, {}):
                yield {"seq": seq} | rows.trade(order_id, body, None, traded_at[seq])


def _without_nul(event: events.Event) -> events.Event:
    body = event.body
    texts = {
        name: value.replace(NUL, INSTEAD)
        for name in body.__struct_fields__
        if isinstance(value := getattr(body, name), str) and NUL in value
    }
    return msgspec.structs.replace(event, body=msgspec.structs.replace(body, **texts)) if texts else event
