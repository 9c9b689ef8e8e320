"""The floor as the API sees it: orders in, and orders, fills, positions and news out.

What is recent comes from memory. What is older is read from the journal in a thread, so that a long look back does not
hold up the loop that trades.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, TypeVar

import msgspec

from live_engine import events
from live_engine.api.desk import Conflicting, Denied, Placed, Repeated, Update
from live_engine.api.views import (
    AccountView,
    FillView,
    HealthView,
    KillSwitchView,
    PositionView,
    PriceView,
    fill_view,
    order_view,
)
from live_engine.errors import DuplicateIntentError
from live_engine.journal.reader import JournalReader
from live_engine.orders.book import OrderBook
from live_engine.orders.order import same_order
from live_engine.orders.status import ACKNOWLEDGED, OrdStatus
from live_engine.orders.validate import family_problems, problems

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from pathlib import Path

    from live_engine.api.desk import Outcome, Topic
    from live_engine.events import Event, KillAction, OrderIntent
    from live_engine.floor import Floor
    from live_engine.orders.order import Order
    from trading.instrument import Instrument

T = TypeVar("T")
KEEP_FILLS = 1_000
SHOWN_CLOSED = 500  # ended orders that a new client of the stream gets
SYMBOLS_HINT = "`GET /api/v1/instruments` lists the symbols"


class FrontOffice:
    """Keeps the promises of live_engine.api.desk.Desk; `reasons` and `figures` tell of the engine's health.

    `on_repeated` is called when an order comes again under its id.
    """

    def __init__(
        self, floor: Floor, journal: Path, *, reasons: Callable[[], Sequence[str]], figures: Callable[[], str]
    ) -> None:
        self._floor = floor
        self._journal = journal
        self._reasons, self._figures = reasons, figures
        self._fills: deque[FillView] = deque(maxlen=KEEP_FILLS)
        self._fills_from = floor.state.seq  # all fills after it are in memory, unless the deque has run over
        self.on_repeated: Callable[[], None] = lambda: None
        self._listeners: list[tuple[Callable[[Update], None], Callable[[Topic], bool]]] = []

    def on_event(self, event: Event, changed: Order | None) -> None:
        """Tell who listens of a durable event; the floor calls it."""
        body = event.body
        if isinstance(body, events.OrderFilled) and changed is not None:
            fill = self._floor.state.books.book_of(changed).fills.get(changed.id, {}).get(body.fill_id)
            if fill is not None and fill.seq == event.seq:
                if len(self._fills) == KEEP_FILLS:
                    self._fills_from = self._fills[0].seq
                self._fills.append(fill_view(changed, fill))
                self._tell("fills", changed.id, lambda: self._fills[-1])
                self._tell("positions", changed.intent.symbol, lambda: self._position(changed.intent.symbol))
                self._tell("account", "", self.account)
        if changed is not None:
            self._tell("orders", changed.id, lambda: order_view(changed))
        if isinstance(body, events.AccountMarked):
            self._tell("account", "", self.account)
        elif isinstance(body, (events.KillSwitchSet, events.KillSwitchRearmed)):
            self._tell("kill-switch", "", self.kill_switch)
        elif isinstance(body, events.HealthChanged):
            self._tell("health", "", lambda: HealthView(healthy=not body.reasons, reasons=body.reasons))
        elif isinstance(body, events.BarClosed) and not body.strategy:
            self._tell("bars", f"{body.symbol} {body.timeframe}", lambda: body)
        self._tell("events", "", lambda: event)

    def on_price(self, symbol: str) -> None:
        """Tell who listens of a new price; the engine calls it."""
        self._tell("prices", symbol, lambda: self._price(symbol))

    async def audit(self, *, actor: str, role: str, action: str, target: str, address: str) -> Awaitable[object]:
        """Write down who wants to change what; the answer is awaited for it to be durable."""
        await self._floor.open()
        audited = events.Audited(actor=actor, role=role, action=action, target=target, address=address)
        return self._floor.append([audited])

    async def place(self, intent: OrderIntent) -> Outcome:
        """Take an order; what is answered is durable."""
        await self._floor.open()
        own = intent.client_order_id
        before = self._floor.placing.get(own)
        if before is not None:
            await asyncio.wait([before])
        known = self._floor.state.books.order(own)
        if known is not None:
            return self._known(known, intent)
        instrument = self._floor.instruments.get(intent.symbol)
        if instrument is None:
            return Denied("symbol", f"{intent.symbol} is not traded here", SYMBOLS_HINT)
        price = self._floor.state.risk.last_price(intent.symbol)
        intent = msgspec.structs.replace(intent, currency=instrument.currency, decision_price=price)
        for found in (*problems(intent, instrument), *family_problems(intent, self._floor.state.books.hand)):
            value = f" {found.value!r}" if found.value else ""
            return Denied("shape", f"{found.field}{value} {found.what}", found.hint)
        try:
            denied = await self._floor.place(intent)
        except DuplicateIntentError:  # the order is so old that only the journal remembers it
            older = await self.order(own)
            if older is None:
                raise
            return self._known(older, intent)
        if denied is not None:
            return Denied(denied.rule, denied.reason, denied.hint)
        return Placed(self._floor.state.books.hand.orders[own])

    async def cancel(self, client_order_id: str, actor: str) -> Order | None:
        """Ask for a cancellation; the order as it stands then, None when there is none."""
        await self._floor.open()
        order = await self.order(client_order_id)
        if order is not None and order.is_open and not order.cancel_asked:
            await self._floor.cancel(order, actor)
        return await self.order(client_order_id)

    async def order(self, client_order_id: str) -> Order | None:
        """One order, however old."""
        books = self._floor.state.books
        known = books.order(client_order_id) or await asyncio.to_thread(self._older, client_order_id)
        return books.order(client_order_id) or known

    async def orders(self, *, open_only: bool, symbol: str, limit: int) -> Sequence[Order]:
        """Orders that are remembered, the newest first."""
        found = (
            order
            for order in self._floor.state.books.orders()
            if symbol in ("", order.intent.symbol) and (order.is_open or not open_only)
        )
        return [order for order, _ in zip(found, range(limit), strict=False)]

    async def fills(self, *, after: int, symbol: str, limit: int) -> Sequence[FillView]:
        """Fills after a seq, the oldest first."""
        if after < self._fills_from:
            return await asyncio.to_thread(self._older_fills, after, symbol, limit)
        found = [fill for fill in self._fills if fill.seq > after and symbol in ("", fill.symbol)]
        return found[:limit]

    def positions(self) -> Sequence[PositionView]:
        """What is held now."""
        return self._floor.money.positions()

    def account(self) -> AccountView:
        """The account at the last prices."""
        return self._floor.money.account()

    def instruments(self) -> Sequence[Instrument]:
        """What may be traded."""
        return [*self._floor.instruments.values()]

    async def bars(self, *, symbol: str, timeframe: str, limit: int) -> Sequence[events.BarClosed] | None:
        """The latest closed bars that the engine has seen, the oldest first."""
        if symbol not in self._floor.instruments:
            return None
        return [*self._floor.state.bars.get((symbol, timeframe), ())][-limit:]

    async def events(self, *, after: int, limit: int) -> Sequence[Event]:
        """Events above a seq, in order."""
        return await asyncio.to_thread(self._read, lambda reader: reader.after(after, limit))

    def last_seq(self) -> int:
        """The seq of the last durable event."""
        return self._floor.state.seq

    def kill_switch(self) -> KillSwitchView:
        """Whether new entries are taken, and who said no."""
        switch = self._floor.state.risk.switch
        if not switch.action:
            return KillSwitchView(armed=True)
        return KillSwitchView(
            armed=False, action=switch.action, actor=switch.actor, reason=switch.reason, since_ns=switch.since_ns
        )

    async def set_kill_switch(self, action: KillAction, *, actor: str, reason: str) -> None:
        """Halt new entries, cancel all, or flatten; durable on return."""
        await self._floor.open()
        await self._floor.throw(events.KillSwitchSet(action=action, actor=actor, reason=reason))

    async def rearm(self, *, actor: str) -> None:
        """Allow new entries again; durable on return."""
        await self._floor.open()
        await self._floor.throw(events.KillSwitchRearmed(actor=actor))

    def health(self) -> Sequence[str]:
        """Why the engine is not well; none: it is."""
        return self._reasons()

    def metrics(self) -> str:
        """The engine's figures in the Prometheus text format."""
        return self._figures()

    def snapshot(self, topic: Topic) -> Sequence[tuple[str, object]]:
        """Key and view of all that a topic holds now."""
        if topic == "orders":
            return [(order.id, order_view(order)) for order in _shown(self._floor.state.books.orders())]
        if topic == "positions":
            return [(view.symbol, view) for view in self.positions()]
        if topic == "prices":
            return [(symbol, self._price(symbol)) for symbol in self._floor.state.risk.prices]
        single: dict[Topic, Callable[[], object]] = {
            "account": self.account,
            "kill-switch": self.kill_switch,
            "health": lambda: HealthView(healthy=not self.health(), reasons=tuple(self.health())),
        }
        return [("", single[topic]())] if topic in single else []

    def listen(self, listener: Callable[[Update], None], wants: Callable[[Topic], bool]) -> Callable[[], None]:
        """Call a function with every update of what it wants from now on."""
        one = (listener, wants)
        self._listeners.append(one)
        return lambda: self._listeners.remove(one)

    def _known(self, order: Order, intent: OrderIntent) -> Repeated | Conflicting:
        self.on_repeated()
        return Repeated(order) if same_order(order.intent, intent) else Conflicting(order)

    def _tell(self, topic: Topic, key: str, view: Callable[[], object]) -> None:
        wanting = [listener for listener, wants in self._listeners if wants(topic)]
        if wanting:
            update = Update(topic, key, view())
            for listener in wanting:
                listener(update)

    def _price(self, symbol: str) -> PriceView:
        seen = self._floor.state.risk.prices[symbol]
        return PriceView(symbol=symbol, price=seen.price, ts_ns=seen.ts_ns)

    def _position(self, symbol: str) -> PositionView | None:
        return next((view for view in self.positions() if view.symbol == symbol), None)

    def _read(self, read: Callable[[JournalReader], T]) -> T:
        with JournalReader(self._journal) as reader:
            return read(reader)

    def _older(self, client_order_id: str) -> Order | None:
        book = OrderBook()
        for event in self._read(lambda reader: reader.of_order(client_order_id)):
            book.apply(event.body, event.seq, event.wall_ns)
        order = book.orders.get(client_order_id)
        if order is not None and order.standing in ACKNOWLEDGED:  # the event that ended it names its successor
            return msgspec.structs.replace(order, standing=OrdStatus.REPLACED, cancel_asked=False)
        return order

    def _older_fills(self, after: int, symbol: str, limit: int) -> list[FillView]:
        found: list[FillView] = []
        with JournalReader(self._journal) as reader:
            while len(found) < limit:
                page = reader.of_type(events.OrderFilled, after, limit)
                found += _views(reader, page, symbol)
                if len(page) < limit:
                    break
                after = page[-1].seq
        return found[:limit]


def _shown(orders: Iterable[Order]) -> list[Order]:
    """All that work, and of what has ended the newest."""
    found, ended = [], 0
    for order in orders:
        ended += not order.is_open
        if order.is_open or ended <= SHOWN_CLOSED:
            found.append(order)
    return found


def _views(reader: JournalReader, page: Sequence[Event], symbol: str) -> list[FillView]:
    """Fills out of the journal as they are shown; a trade that was told twice counts once."""
    found = []
    for one in page:
        book = OrderBook()
        for event in reader.of_order(getattr(one.body, "client_order_id", "")):
            book.apply(event.body, event.seq, event.wall_ns)
        for order in book.orders.values():
            fill = next((fill for fill in book.fills[order.id].values() if fill.seq == one.seq), None)
            if fill is not None and symbol in ("", order.intent.symbol):
                found.append(fill_view(order, fill))
    return found
