"""All orders and positions as the fold of what happened: the same events in the same order give the same book.

An event is applied once, by its seq; a fill counts once, by its order and fill_id, whenever it comes: before the
acknowledgement, twice, after the order's end, before the order itself is known. What the venue says after an order's
end changes no quantity but by a fill. Nothing is read but the events: no clock, no file, no configuration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from live_engine import events
from live_engine.orders.exact import ZERO, plus, times
from live_engine.orders.family import Family
from live_engine.orders.moves import Named, changes_of, fill_of, is_trade, new_order, repeats, with_fills
from live_engine.orders.positions import Positions
from live_engine.orders.status import ACKNOWLEDGED, ExecType, OrdStatus, standing_after

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from decimal import Decimal

    from live_engine.orders.order import Fill, Order

KEEP_CLOSED = 4_000  # closed orders in memory, some 2 kB each; older ones are in the journal
FORGOTTEN_AT_ONCE = 4  # with one event, which closes fewer


class OrderBook:
    """The fold. `strays` are fills of orders that it does not know: they count once the order is known.

    `on_put` is told of every order as an event has made it.

    Closed orders beyond `keep_closed` are forgotten, the longest closed first, unless an open relative needs them. The
    client order ids of forgotten orders are the journal's to remember, and their late fills become strays.
    """

    def __init__(self, *, keep_closed: int = KEEP_CLOSED) -> None:
        self.keep_closed = keep_closed
        self.seq = 0
        self.orders: dict[str, Order] = {}
        self.fills: dict[str, dict[str, Fill]] = {}
        self.strays: dict[str, dict[str, tuple[int, events.OrderFilled]]] = {}
        self.positions = Positions()
        self.family = Family()
        self.closed: dict[str, None] = {}
        self.on_put: Callable[[Order], None] = lambda _order: None
        self._open: dict[str, dict[str, None]] = {}
        self._reducing: dict[str, dict[str, None]] = {}

    def apply(self, body: events.Body, seq: int, wall_ns: int) -> Order | None:
        """Take an event in; the order as it stands then, None when no order changed.

        A seq that is not above the last one has been applied before and changes nothing.
        """
        if seq <= self.seq:
            return None
        self.seq = seq
        changed: Order | None = None
        if isinstance(body, events.OrderIntent):
            changed = self._begin(body, seq, wall_ns)
        elif isinstance(body, events.OrderFilled):
            changed = self._fill(body, seq, wall_ns)
        elif isinstance(body, Named) and body.client_order_id in self.orders:
            order = self.orders[body.client_order_id]
            changed = self._change(order, wall_ns, **changes_of(order, body))
            self._move_replaced(order, body, wall_ns)
        self._forget()
        return changed

    def group(self, name: str) -> tuple[Order, ...]:
        """The orders of a group."""
        return self._all(self.family.group(name))

    def children(self, order_id: str) -> tuple[Order, ...]:
        """The orders that live by the fills of an order, or of another one of its chain."""
        return self._all(child for one in self.family.chain(order_id) for child in self.family.children(one))

    def chain(self, order_id: str) -> tuple[Order, ...]:
        """An order with all that it replaced and was replaced by, the first one first."""
        return self._all(self.family.chain(order_id))

    def chain_filled(self, order_id: str) -> Decimal:
        """What a chain has filled, under whichever id."""
        total = ZERO
        for order in self.chain(order_id):
            total = plus(total, order.filled)
        return total

    def open_orders(self, symbol: str | None = None) -> tuple[Order, ...]:
        """The open orders of a symbol, or of all."""
        symbols = [symbol] if symbol is not None else list(self._open)
        return self._all(one for name in symbols for one in self._open.get(name, ()))

    def reducing(self, symbol: str) -> tuple[Order, ...]:
        """The open orders of a symbol that only reduce."""
        return self._all(self._reducing.get(symbol, ()))

    def unresolved(self) -> tuple[Order, ...]:
        """The orders that the venue must be asked about: sent without an answer, or lost."""
        unanswered = (OrdStatus.SUBMITTED, OrdStatus.UNKNOWN)
        return tuple(order for order in self.open_orders() if order.standing in unanswered)

    def disputed(self) -> tuple[Order, ...]:
        """The orders about which the venue has contradicted itself: for people to look at, a mark that stays."""
        return tuple(order for order in self.orders.values() if order.disputed)

    def restore(self, order: Order, fills: Iterable[Fill]) -> None:
        """Put back an order as a snapshot kept it; positions and what has closed when are put back apart from it."""
        self.orders[order.id] = order
        self.fills[order.id] = {fill.fill_id: fill for fill in fills}
        self.family.add(order.intent)
        self._index(order)

    def _all(self, ids: Iterable[str]) -> tuple[Order, ...]:
        return tuple(self.orders[one] for one in ids if one in self.orders)

    def _begin(self, intent: events.OrderIntent, seq: int, wall_ns: int) -> Order | None:
        if intent.client_order_id in self.orders:
            return None
        order = new_order(intent, self.orders.get(intent.replaces), seq, wall_ns)
        self.fills[order.id] = {}
        self.family.add(intent)
        self._put(order)
        for stray_seq, fill in self.strays.pop(order.id, {}).values():
            self._fill(fill, stray_seq, wall_ns)
        return self.orders[order.id]

    def _fill(self, body: events.OrderFilled, seq: int, wall_ns: int) -> Order | None:
        order = self.orders.get(body.client_order_id)
        if order is None:
            self.strays.setdefault(body.client_order_id, {}).setdefault(body.fill_id, (seq, body))
            return None
        known = self.fills[order.id].get(body.fill_id)
        if known is not None or not is_trade(body):
            return self._change(order, wall_ns, disputed=order.disputed or known is None or not repeats(known, body))
        fill = fill_of(order, body, seq)
        self.fills[order.id][fill.fill_id] = fill
        self.positions.add(order.intent.symbol, order.intent.currency, order.intent.side, fill)
        whole = plus(order.cumulative, fill.quantity) >= order.quantity
        changed = self._change(
            order,
            wall_ns,
            standing=standing_after(order.standing, ExecType.TRADE, whole=whole),
            filled=plus(order.filled, fill.quantity),
            value=plus(order.value, times(fill.quantity, fill.price)),
            late=order.late or fill.late,
            disputed=order.disputed or order.standing is OrdStatus.REJECTED,
        )
        self._carry(order.id, fill.quantity, wall_ns)
        return changed

    def _carry(self, order_id: str, quantity: Decimal, wall_ns: int) -> None:
        """Count a fill for whatever is to take, or has taken, the order's place."""
        for successor in self._all(self.family.successors(order_id)):
            moved = msgspec.structs.replace(successor, carried=plus(successor.carried, quantity))
            standing = with_fills(moved) if moved.standing in ACKNOWLEDGED else moved.standing
            self._change(successor, wall_ns, carried=moved.carried, standing=standing)
            self._carry(successor.id, quantity, wall_ns)

    def _move_replaced(self, order: Order, body: Named, wall_ns: int) -> None:
        """What an event means to the order whose place this one takes."""
        old = self.orders.get(order.intent.replaces)
        if old is None:
            return
        if isinstance(body, events.OrderSubmitted) and order.is_open and old.is_open:
            self._change(old, wall_ns, replacing=order.id)
        elif isinstance(body, events.OrderReplaced):
            standing = standing_after(old.standing, ExecType.REPLACED)
            self._change(old, wall_ns, standing=standing, replaced_by=order.id, replacing="")

    def _change(self, order: Order, wall_ns: int, **changes: Any) -> Order | None:  # noqa: ANN401 - fields of an Order
        changed = msgspec.structs.replace(order, **changes)
        if changed == order:
            return None
        changed = msgspec.structs.replace(changed, changed_ns=wall_ns)
        self._put(changed)
        old = self.orders.get(changed.intent.replaces)
        if old is not None and not changed.is_open and old.replacing == changed.id:
            self._change(old, wall_ns, replacing="")
        return changed

    def _put(self, order: Order) -> None:
        self.orders[order.id] = order
        if not order.is_open and order.id in self._open.get(order.intent.symbol, ()):
            self.closed[order.id] = None
        self._index(order)
        self.on_put(order)

    def _index(self, order: Order) -> None:
        for index in (self._open, self._reducing) if order.intent.reduce_only else (self._open,):
            of_symbol = index.setdefault(order.intent.symbol, {})
            if order.is_open:
                of_symbol[order.id] = None
            else:
                of_symbol.pop(order.id, None)
            if not of_symbol:
                del index[order.intent.symbol]

    def _forget(self) -> None:
        """Let go of what has been closed for longest; what an open relative needs goes to the end of the row."""
        for _ in range(min(FORGOTTEN_AT_ONCE, len(self.closed) - self.keep_closed)):
            oldest = next(iter(self.closed))
            del self.closed[oldest]
            order = self.orders[oldest]
            if any(relative.is_open for relative in self._all(self.family.relatives(order.intent))):
                self.closed[oldest] = None
            else:
                del self.orders[oldest], self.fills[oldest]
                self.family.remove(order.intent)
