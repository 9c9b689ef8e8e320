"""What a batch of events makes of the orders that it names: rows of `ledger_orders`, and the fills that count.

The fold of an order is the engine's own. It needs the order's earlier events and those of its chain of replacements,
which the rows of earlier batches hold; so neither a start nor the memory grows with the journal.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from live_engine.events import OrderFilled, OrderIntent, decoder, encoder, type_of
from live_engine.orders.book import OrderBook
from pi5_pipelines.ledger.postings import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from live_engine.events import AnyBody, Event
    from live_engine.orders.order import Fill, Order

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A fill that counts: of which order, from which event on (its own, or its order's when that came later)."""

    seq: int
    moment: datetime
    order: Order
    fill: Fill


@dataclass(frozen=True, slots=True)
class Past:
    """An event of an earlier batch, as a row of `ledger_orders` holds it."""

    seq: int
    moment: datetime
    body: str


def ids_in(batch: Sequence[Event]) -> set[str]:
    """The orders that a batch names, those among them whose place another one takes too."""
    found: set[str] = set()
    for event in batch:
        found.add(getattr(event.body, "client_order_id", ""))
        found.add(getattr(event.body, "replaces", ""))
    return found - {""}


class Fold:
    """The orders of one batch. `chains` says to which chain of replacements the known ones belong."""

    def __init__(self, journal: str, chains: dict[str, str], past: Sequence[Past]) -> None:
        self._journal, self._chains = journal, chains
        self._book = _Book()
        for event in past:
            self._book.apply(decoder.decode(event.body), event.seq, ns_of(event.moment))
        self._book.touched.clear()
        self._book.counted.clear()

    def rows(self, batch: Sequence[Event]) -> tuple[list[Row], list[Counted]]:
        """The rows that the events make, and the fills that count through them."""
        rows: list[Row] = []
        for event in batch:
            body = event.body
            named = getattr(body, "client_order_id", "")
            if named:
                self._book.moment = moment(event.wall_ns)
                self._book.apply(body, event.seq, event.wall_ns)
                self._keep_chain(body, named)
                rows += self._rows(event, named)
                self._book.touched.clear()
        return rows, self._book.counted

    def _keep_chain(self, body: AnyBody, named: str) -> None:
        old = body.replaces if isinstance(body, OrderIntent) else ""
        self._chains.setdefault(named, self._chains.get(old, old) or named)

    def _rows(self, event: Event, named: str) -> Iterator[Row]:
        for one in sorted({*self._book.touched, named}):
            body = encoder.encode(event.body).decode() if one == named else ""
            key = (
                self._journal,
                event.seq,
                one,
                moment(event.wall_ns),
                type_of(event.body),
                self._chains.get(one, one),
            )
            order = self._book.orders.get(one)
            yield (*key, *(_told(order) if order else (None,) * 10), body)


class _Book(OrderBook):
    """The engine's book, which forgets nothing here and tells which orders an event changed and which fills count."""

    def __init__(self) -> None:
        super().__init__(keep_closed=sys.maxsize)
        self.touched: dict[str, None] = {}
        self.counted: list[Counted] = []
        self.moment = EPOCH

    def _put(self, order: Order) -> None:
        super()._put(order)
        self.touched[order.id] = None

    def _fill(self, body: OrderFilled, seq: int, wall_ns: int) -> Order | None:
        known = len(self.fills.get(body.client_order_id, ()))
        changed = super()._fill(body, seq, wall_ns)
        if len(self.fills.get(body.client_order_id, ())) > known:
            fill = self.fills[body.client_order_id][body.fill_id]
            at = moment(fill.traded_ns) if fill.traded_ns else self.moment
            self.counted.append(Counted(self.seq, at, self.orders[body.client_order_id], fill))
        return changed


def _told(order: Order) -> Row:
    intent, average = order.intent, order.average_price
    shown = None if average is None else text(average)
    return (
        *(intent.strategy, intent.actor, intent.symbol, intent.side, intent.order_type, text(order.quantity)),
        *(str(order.status), text(order.filled), shown, order.reason),
    )


def fill_row(journal: str, counted: Counted) -> Row:
    """A row of `ledger_fills`."""
    intent, fill = counted.order.intent, counted.fill
    return (
        *(journal, intent.client_order_id, fill.fill_id, counted.seq, counted.moment),
        *(intent.strategy, intent.symbol, intent.side, intent.currency, text(fill.quantity), text(fill.price)),
        *(text(fill.fee), fill.fee_currency or intent.currency, fill.liquidity, fill.late),
    )


def moment(ns: int) -> datetime:
    """Nanoseconds of UTC as a moment, to the microsecond."""
    return EPOCH + timedelta(microseconds=ns // 1_000)


def ns_of(at: datetime) -> int:
    """A moment as nanoseconds of UTC."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1_000
