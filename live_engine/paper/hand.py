"""Orders by hand on paper: what is to be written down of them next, read off their book alone.

So whatever a crash left undone is asked for again, and what is on its way to the device is not asked for twice: an
order with a step under way (`is_moving`) gets no second one until the device has all that was written of it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from live_engine.events import (
    BarClosed,
    Body,
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderIntent,
    OrderReplaced,
    OrderSubmitted,
    ReplaceRejected,
)
from live_engine.orders import contingency
from live_engine.orders.validate import FLATTEN
from live_engine.paper.venue import VENUE, Venue
from live_engine.paper.working import WorkingOrders
from live_engine.risk import kill_switch
from trading.bar import Bar
from trading.timeframe import DAY_SECONDS, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from live_engine.money import Money
    from live_engine.orders.order import Order
    from live_engine.paper.venue import HandSettings
    from live_engine.restore import State
    from live_engine.risk.view import Working, WorkingOrder
    from live_engine.streams.stream import Tick
    from trading.instrument import Instrument

NS_PER_S = 1_000_000_000
KILLED = "the kill switch is on"
REQUESTED = "requested"
REPLACED_TOO_LATE = "the order whose place it takes has ended, or fills just now"


class HandDesk:
    """Steps of orders by hand. Nothing here is done: what is answered is to be written down."""

    def __init__(
        self,
        state: State,
        money: Money,
        settings: HandSettings,
        instruments: Mapping[str, Instrument],
        session_ends_s: int,
    ) -> None:
        self._claimed: set[str] = set()  # by steps that are handed to the journal next
        self._under_way: Counter[str] = Counter()  # how many events of an order are on their way to the device
        self._state, self._money = state, money
        self._instruments = instruments
        self._session_ends_s = session_ends_s
        self._venue = Venue(settings)
        self._working = WorkingOrders(state.books.hand.open_orders())
        state.books.hand.on_put = self._working.see

    def is_moving(self, client_order_id: str) -> bool:
        """Whether something of an order is on its way to the device."""
        return client_order_id in self._claimed or self._under_way[client_order_id] > 0

    def claimed(self, bodies: Iterable[Body]) -> list[Body]:
        """Those steps whose orders have none on its way; what is answered counts as being on its way."""
        taken: list[Body] = []
        names: set[str] = set()
        for body in bodies:
            moved = self._moved(body)
            if not any(map(self.is_moving, moved)):
                taken.append(body)
                names.update(moved)
        self._claimed |= names
        return taken

    def handed_in(self, body: Body) -> None:
        """An event goes to the device."""
        moved = self._moved(body)
        self._claimed.difference_update(moved)
        self._under_way.update(moved)
        if isinstance(body, OrderIntent) and not body.strategy and not self._is_known(body):
            self._working.expect(body)

    def arrived(self, body: Body) -> None:
        """The device has an event, or will never have it."""
        for name in self._moved(body):
            self._under_way[name] -= 1
            if not self._under_way[name]:
                del self._under_way[name]
        if isinstance(body, OrderIntent) and not body.strategy and not self._is_known(body):
            self._working.drop(body.client_order_id)  # the book has it next, unless it was refused

    def outstanding(self) -> Iterator[Body]:
        """All that is to be done now, after a start."""
        book = self._state.books.hand
        yield from self._steps(contingency.outstanding(book), book.open_orders())

    def following(self, body: Body) -> Iterator[Body]:
        """What is to be done because of an event that the book has just taken in."""
        book = self._state.books.hand
        own = getattr(body, "client_order_id", "")
        if own in book.orders:
            yield from self._steps(contingency.consequences(book, body), book.chain(own))

    def killing(self, now_ns: int) -> Iterator[Body]:
        """What the kill switch wants of orders and positions by hand; exits that came after cancel-all may work."""
        switch, book = self._state.risk.switch, self._state.books.hand
        if switch.action not in ("cancel-all", "flatten"):
            return
        held = {symbol: one.quantity for symbol, one in book.positions.by_symbol.items() if one.quantity}
        wanted = kill_switch.consequences(switch, self.working(), held)
        for order in map(book.orders.get, wanted.cancel):
            if order is None or order.cancel_asked:
                continue
            if switch.action == "flatten" or order.placed_ns <= switch.since_ns:
                yield contingency.cancel(order, KILLED, switch.actor)
        for number, close in enumerate(wanted.close):
            yield OrderIntent(
                client_order_id=f"{FLATTEN}-{now_ns // 1_000}-{number}",
                symbol=close.symbol,
                side=close.side,
                order_type="market",
                quantity=close.quantity,
                time_in_force="gtc",
                reduce_only=True,
                actor=switch.actor,
                decision_price=self._state.risk.last_price(close.symbol),
                currency=book.positions.by_symbol[close.symbol].currency,
            )

    def working(self) -> list[WorkingOrder]:
        """The orders that may still fill, those on their way to the device too."""
        return [*self._working.by_id.values()]

    def sums(self) -> Mapping[str, Working]:
        """What they come to, by symbol."""
        return self._working.sums

    def on_price(self, update: Tick | BarClosed) -> list[Body]:
        """What a price does to the orders of its symbol that are at the venue."""
        book = self._state.books.hand
        working = [order for order in book.open_orders(update.symbol) if self._is_at_venue(order)]
        instrument = self._instruments.get(update.symbol)
        if not working or instrument is None:
            return []
        bar, ends = self._bar(update)
        over: list[Body] = []
        if ends and not isinstance(update, BarClosed):  # the session ended before this trade, which is of the next one
            day = [order for order in working if order.intent.time_in_force == "day"]
            over += [OrderExpired(client_order_id=order.id, reason=contingency.SESSION_CLOSED) for order in day]
            working, ends = [order for order in working if order not in day], False
        means = self._money.means(update.symbol)
        return [*over, *self._venue.on_bar(working, bar, instrument, means, fills=book.fills, ends=ends)]

    def _is_known(self, intent: OrderIntent) -> bool:
        return intent.client_order_id in self._state.books.hand.orders

    def _steps(self, first: Iterable[Body], orders: Iterable[Order]) -> Iterator[Body]:
        """What other orders ask of some, and for those of which nothing is asked, what goes to the venue."""
        asked = set()
        for step in first:
            asked.add(_named(step))
            yield step
        for order in orders:
            if order.id not in asked:
                yield from self._sending(order)

    def _sending(self, order: Order) -> Iterator[Body]:
        """What goes to the venue of an order and what it answers: this venue does at once."""
        if order.is_open and order.cancel_asked:
            yield OrderCanceled(client_order_id=order.id, reason=REQUESTED)
        elif order.is_open and order.is_held and not order.waiting:
            yield OrderSubmitted(client_order_id=order.id, venue=VENUE)
            named = f"{VENUE}-{order.seq}"
            old = self._state.books.hand.orders.get(order.intent.replaces)
            if old is None:
                yield OrderAccepted(client_order_id=order.id, venue_order_id=named)
            elif old.is_open and not self.is_moving(old.id) and order.quantity > order.cumulative:
                yield OrderReplaced(client_order_id=order.id, venue_order_id=named)
            else:
                yield ReplaceRejected(client_order_id=order.id, reason=REPLACED_TOO_LATE)

    def _moved(self, body: Body) -> tuple[str, ...]:
        """The orders that a step is about: one that is replaced fills no more while that is on its way."""
        own = _named(body)
        new = self._state.books.hand.orders.get(own) if isinstance(body, OrderReplaced) else None
        if new is not None and new.intent.replaces:
            return own, new.intent.replaces
        return (own,) if own else ()

    def _is_at_venue(self, order: Order) -> bool:
        return not order.is_held and not order.cancel_asked and not self.is_moving(order.id)

    def _bar(self, update: Tick | BarClosed) -> tuple[Bar, bool]:
        """The rulebook's form of a price, and whether a session ends with it."""
        if isinstance(update, BarClosed):
            length_s = SECONDS[update.timeframe]
            end_s = update.ts_ns // NS_PER_S + length_s
            ends = length_s >= DAY_SECONDS or (end_s - self._session_ends_s) % DAY_SECONDS == 0
            numbers = (update.open, update.high, update.low, update.close, update.volume)
            return Bar(update.ts_ns // 1_000, *map(float, numbers)), ends
        seen = self._state.risk.prices.get(update.symbol)
        before_ns = seen.ts_ns if seen is not None else self._state.risk.clock.heard_ns or update.ts_ns
        ends = self._session(before_ns) != self._session(update.ts_ns)
        price = float(update.price)
        return Bar(update.ts_ns // 1_000, price, price, price, price, float(update.size)), ends

    def _session(self, ts_ns: int) -> int:
        return (ts_ns // NS_PER_S - self._session_ends_s) // DAY_SECONDS


def _named(body: Body) -> str:
    """The order that a step is about: of a replacement by the engine itself, the one whose place it takes."""
    if isinstance(body, OrderIntent):
        return body.replaces if body.actor == contingency.ACTOR else body.client_order_id
    name: str = getattr(body, "client_order_id", "")
    return name
