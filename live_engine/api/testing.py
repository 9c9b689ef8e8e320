"""A desk in memory: a real order book over a list of events, and a venue that accepts everything. It proves the API."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine import events
from live_engine.api.desk import Conflicting, Denied, Placed, Repeated, Update
from live_engine.api.views import AccountView, FillView, HealthView, KillSwitchView, PositionView, fill_view, order_view
from live_engine.orders.book import OrderBook
from live_engine.orders.order import same_order
from live_engine.orders.validate import family_problems, problems
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from live_engine.api.desk import Outcome, Topic
    from live_engine.events import KillAction
    from live_engine.orders.order import Order

CASH = Decimal(100_000)
SHARE = Instrument("AAPL")
COIN = Instrument("BTC/USD", lot=Decimal("0.001"), size_scale=3, calendar="24/7", venue="SIM")


class MemoryDesk:
    """Keeps the promises of Desk. `failing` is raised by whatever would write; `reasons` are its bad health."""

    def __init__(self, *, largest: Decimal = Decimal(1_000)) -> None:
        self.largest = largest
        self.journal: list[events.Event] = []
        self.failing: Exception | None = None
        self.reasons: tuple[str, ...] = ()
        self.prices: dict[str, Decimal] = {SHARE.symbol: Decimal("150.00"), COIN.symbol: Decimal("40000.00")}
        self.switch = KillSwitchView(armed=True)
        self.book = OrderBook()
        self._listeners: list[Callable[[Update], None]] = []

    def write(self, body: events.AnyBody) -> events.Event:
        """Append an event, fold it in and tell who listens."""
        if self.failing is not None:
            raise self.failing
        seq = len(self.journal) + 1
        event = events.Event(seq=seq, wall_ns=seq, mono_ns=seq, body=body)
        self.journal.append(event)
        changed = self.book.apply(body, seq, seq)
        self.tell(Update("events", "", event))
        if changed is not None:
            self.tell(Update("orders", changed.id, order_view(changed)))
        if changed is not None and isinstance(body, events.OrderFilled):
            fill = self.book.fills[changed.id][body.fill_id]
            self.tell(Update("fills", changed.id, fill_view(changed, fill)))
        return event

    def tell(self, update: Update) -> None:
        """Tell who listens."""
        for listener in self._listeners:
            listener(update)

    def fill(self, order_id: str, fill_id: str, quantity: Decimal, price: Decimal) -> None:
        """A trade at the venue."""
        self.write(events.OrderFilled(client_order_id=order_id, fill_id=fill_id, quantity=quantity, price=price))

    async def audit(self, *, actor: str, role: str, action: str, target: str, address: str) -> Awaitable[object]:
        """Write down who wants to change what."""
        self.write(events.Audited(actor=actor, role=role, action=action, target=target, address=address))
        return asyncio.sleep(0)

    async def place(self, intent: events.OrderIntent) -> Outcome:
        """Take an order, and have the venue accept it."""
        known = self.book.orders.get(intent.client_order_id)
        if known is not None:
            return Repeated(known) if same_order(known.intent, intent) else Conflicting(known)
        instrument = next((one for one in self.instruments() if one.symbol == intent.symbol), None)
        if instrument is None:
            return Denied(
                "symbol", f"{intent.symbol} is not traded here", "`GET /api/v1/instruments` lists the symbols"
            )
        for found in (*problems(intent, instrument), *family_problems(intent, self.book)):
            return Denied("shape", f"{found.field} {found.value!r} {found.what}", found.hint)
        if not self.switch.armed:
            return Denied("kill-switch", f"the kill switch is set: {self.switch.action}", "an admin can re-arm it")
        if intent.quantity > self.largest:
            return Denied("max-order-size", f"{intent.quantity} is above {self.largest}", "send less")
        own = intent.client_order_id
        self.write(intent)
        self.write(events.OrderSubmitted(client_order_id=own, venue="SIM"))
        self.write(events.OrderAccepted(client_order_id=own, venue_order_id=f"SIM-{own}"))
        return Placed(self.book.orders[own])

    async def cancel(self, client_order_id: str, actor: str) -> Order | None:
        """Ask for a cancellation; the venue is slow, so it is on its way."""
        order = self.book.orders.get(client_order_id)
        if order is not None and order.is_open:
            self.write(events.CancelRequested(client_order_id=client_order_id, actor=actor))
        return self.book.orders.get(client_order_id)

    async def order(self, client_order_id: str) -> Order | None:
        """One order."""
        return self.book.orders.get(client_order_id)

    async def orders(self, *, open_only: bool, symbol: str, limit: int) -> Sequence[Order]:
        """The newest first."""
        found = [
            order
            for order in self.book.orders.values()
            if symbol in ("", order.intent.symbol) and (order.is_open or not open_only)
        ]
        return sorted(found, key=lambda order: -order.seq)[:limit]

    async def fills(self, *, after: int, symbol: str, limit: int) -> Sequence[FillView]:
        """The oldest first."""
        views = [
            fill_view(self.book.orders[order_id], fill)
            for order_id, fills in self.book.fills.items()
            for fill in fills.values()
        ]
        found = [view for view in views if view.seq > after and symbol in ("", view.symbol)]
        return sorted(found, key=lambda view: view.seq)[:limit]

    def positions(self) -> Sequence[PositionView]:
        """What is held."""
        return [
            PositionView(
                symbol=one.symbol,
                currency=one.currency,
                quantity=one.quantity,
                average_price=one.average_price,
                last_price=self.prices[one.symbol],
                realised=one.realised,
                unrealised=one.unrealised(self.prices[one.symbol]),
                fees=one.fees,
            )
            for one in self.book.positions.by_symbol.values()
        ]

    def account(self) -> AccountView:
        """Cash, and what is held at the last prices."""
        cash = CASH + self.book.positions.cash.get("USD", Decimal(0))
        held = self.book.positions.by_symbol.values()
        equity = cash + sum((one.quantity * self.prices[one.symbol] for one in held), Decimal(0))
        return AccountView(
            currency="USD", cash=cash, equity=equity, day_profit=equity - CASH, drawdown_pct=Decimal(0), mode="paper"
        )

    def instruments(self) -> Sequence[Instrument]:
        """A share and a coin."""
        return (SHARE, COIN)

    async def bars(self, *, symbol: str, timeframe: str, limit: int) -> Sequence[events.BarClosed] | None:
        """One bar of each symbol."""
        price = self.prices.get(symbol)
        if price is None:
            return None
        volume = Decimal(1)
        bar = events.BarClosed(
            symbol=symbol, timeframe=timeframe, ts_ns=0, open=price, high=price, low=price, close=price, volume=volume
        )
        return [bar][:limit]

    async def events(self, *, after: int, limit: int) -> Sequence[events.Event]:
        """Events above a seq."""
        return self.journal[after : after + limit]

    def last_seq(self) -> int:
        """The seq of the last event."""
        return len(self.journal)

    def kill_switch(self) -> KillSwitchView:
        """The switch."""
        return self.switch

    async def set_kill_switch(self, action: KillAction, *, actor: str, reason: str) -> None:
        """Halt."""
        event = self.write(events.KillSwitchSet(action=action, actor=actor, reason=reason))
        self.switch = KillSwitchView(armed=False, action=action, actor=actor, reason=reason, since_ns=event.wall_ns)
        self.tell(Update("kill-switch", "", self.switch))

    async def rearm(self, *, actor: str) -> None:
        """Go on."""
        self.write(events.KillSwitchRearmed(actor=actor))
        self.switch = KillSwitchView(armed=True)
        self.tell(Update("kill-switch", "", self.switch))

    def health(self) -> Sequence[str]:
        """What the test says."""
        return self.reasons

    def metrics(self) -> str:
        """One figure."""
        return f"# TYPE journal_seq gauge\njournal_seq {self.last_seq()}\n"

    def snapshot(self, topic: Topic) -> Sequence[tuple[str, object]]:
        """Orders, positions, account, switch and health; other topics hold nothing."""
        if topic == "orders":
            return [(order.id, order_view(order)) for order in self.book.orders.values()]
        if topic == "positions":
            return [(view.symbol, view) for view in self.positions()]
        single: dict[Topic, object] = {
            "account": self.account(),
            "kill-switch": self.switch,
            "health": HealthView(healthy=not self.reasons, reasons=self.reasons),
        }
        return [("", single[topic])] if topic in single else []

    def listen(self, listener: Callable[[Update], None], wants: Callable[[Topic], bool]) -> Callable[[], None]:  # noqa: ARG002 - it may leave them out
        """Tell a function of everything from now on."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
