"""What the tables hold of a journal, and what they must hold: the fold of its events, made in one go."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import msgspec

from live_engine import events
from live_engine.orders.book import OrderBook
from live_engine.orders.order import Order
from live_engine.projection.fold import readable

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from live_engine.events import Event

# By table, what must be equal, in an order that both sides share.
COMPARED = {
    "live_orders": "client_order_id, symbol, status, filled, leaves, is_open, seq, folded::text",
    "live_trades": "client_order_id, fill_id, symbol, side, quantity, price, fee, fee_currency, liquidity, late, seq",
    "live_positions": "symbol, currency, quantity, cost, realised, fees",
    "live_account": "seq, day, cash, equity",
    "live_bars": "seq, symbol, timeframe, open, high, low, close, volume, strategy",
    "live_late_ticks": "seq, symbol, price, size",
}
Content = dict[str, list[tuple[Any, ...]]]


def found(connection: psycopg.Connection, journal: str) -> Content:
    """The rows of a journal, its orders as the engine knows them."""
    content: Content = {}
    for table, columns in COMPARED.items():
        query = f"SELECT {columns} FROM {table} WHERE journal = %s ORDER BY 1, 2"  # noqa: S608 - the names above
        content[table] = [tuple(row) for row in connection.execute(query.encode(), (journal,)).fetchall()]
    content["live_orders"] = [
        (*row, msgspec.json.decode(folded, type=Order)) for *row, folded in content["live_orders"]
    ]
    return content


def offset(connection: psycopg.Connection) -> int:
    """How far the one journal has been projected; 0 when it never was."""
    row = connection.execute("SELECT seq FROM live_offsets").fetchone()
    return row[0] if row else 0


class Expected:
    """The fold of a journal, a stretch at a time."""

    def __init__(self) -> None:
        self.book = OrderBook(keep_closed=sys.maxsize)
        self.seqs: dict[str, int] = {}
        self.account: list[tuple[Any, ...]] = []
        self.bars: list[tuple[Any, ...]] = []
        self.late_ticks: list[tuple[Any, ...]] = []

    def take(self, stretch: Iterable[Event]) -> None:
        """Fold the next events."""
        for event in readable([*stretch]):
            body = event.body
            before = dict(self.book.orders)
            self.book.apply(body, event.seq, event.wall_ns)
            self.seqs |= {name: event.seq for name, order in self.book.orders.items() if before.get(name) is not order}
            if isinstance(body, events.AccountMarked):
                self.account.append((event.seq, body.day, body.cash, body.equity))
            elif isinstance(body, events.BarClosed):
                numbers = (body.open, body.high, body.low, body.close, body.volume)
                self.bars.append((event.seq, body.symbol, body.timeframe, *numbers, body.strategy))
            elif isinstance(body, events.LateTick):
                self.late_ticks.append((event.seq, body.symbol, body.price, body.size))

    def content(self) -> Content:
        """What `found` must answer by now."""
        orders = [
            (name, one.intent.symbol, str(one.status), one.filled, one.leaves, one.is_open, self.seqs[name], one)
            for name, one in self.book.orders.items()
        ]
        trades = []
        for name, fills in self.book.fills.items():
            wanted = self.book.orders[name].intent
            trades += [
                (name, fill.fill_id, wanted.symbol, wanted.side, *_fill(fill), fill.seq) for fill in fills.values()
            ]
        for name, strays in self.book.strays.items():
            trades += [(name, fill_id, None, None, *_fill(body), seq) for fill_id, (seq, body) in strays.items()]
        positions = self.book.positions.by_symbol.values()
        return {
            "live_orders": sorted(orders, key=lambda row: row[0]),
            "live_trades": sorted(trades, key=lambda row: row[:2]),
            "live_positions": sorted(
                (one.symbol, one.currency, one.quantity, one.cost, one.realised, one.fees) for one in positions
            ),
            "live_account": self.account,
            "live_bars": self.bars,
            "live_late_ticks": self.late_ticks,
        }


def _fill(fill: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a fill that counts, or one that does not yet
    return (fill.quantity, fill.price, fill.fee, fill.fee_currency, fill.liquidity, fill.late)
