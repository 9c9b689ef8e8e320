"""The trading floor: where prices, strategies, orders by hand, risk and the journal meet. One event loop, no threads.

What is decided changes the accounts at once and is handed to the journal in the same breath, so the journal has
everything in the order in which it was decided. What a device must have first is done when it has it: an order is sent
once its intent is durable, and an order by hand is in the book only from then on.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from live_engine.errors import DuplicateIntentError, JournalError
from live_engine.events import (
    AccountMarked,
    BarClosed,
    CancelRequested,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderFilled,
)
from live_engine.journal.answers import Answers
from live_engine.judge import Judge
from live_engine.money import Money
from live_engine.orders import contingency
from live_engine.paper.hand import HandDesk
from live_engine.risk import check as risk
from live_engine.risk import kill_switch
from trading.timeframe import SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from live_engine.events import Body, Event, OrderIntent
    from live_engine.journal.writer import Journal
    from live_engine.orders.order import Order
    from live_engine.restore import State
    from live_engine.settings import LiveSettings
    from live_engine.streams.stream import Update
    from trading.instrument import Instrument

NS_PER_S = 1_000_000_000
MARK_EVERY_NS = 60 * NS_PER_S
Events = tuple["Event", ...]


class Floor:
    """`on_event` is told of every durable event with the order that it changed; `failed` is why the engine must end."""

    def __init__(
        self,
        journal: Journal,
        state: State,
        live: LiveSettings,
        instruments: Iterable[Instrument],
        *,
        wall: Callable[[], int] = time.time_ns,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.state = state
        self.instruments = {one.symbol: one for one in instruments}
        self.money = Money(state, live.hand.cash)
        self.hand = HandDesk(state, self.money, live.hand, self.instruments, live.session_ends_s)
        self.on_event: Callable[[Event, Order | None], None] = lambda _event, _order: None
        self.failed: Exception | None = None
        self.placing: dict[str, asyncio.Future[Events]] = {}
        self._judge = Judge(state, self.money, self.hand, live.risk, self.instruments, wall=wall, clock=clock)
        self._journal = journal
        self._wall, self._clock = wall, clock
        self._traded = False  # since the last mark
        self._answers = Answers(self._committed)
        self._under_way = 0
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._open = asyncio.Event()
        self._open.set()

    def append(self, bodies: Sequence[Body], *, flow: str = "", cause: int = 0) -> asyncio.Future[Events]:
        """Hand events to the journal; the future has them once they are on the device. Raises JournalError."""
        loop = asyncio.get_running_loop()
        future = self._journal.append(bodies, flow=flow, cause=cause)  # type: ignore[arg-type]
        now_ns, came_ns = self._wall(), self._clock()
        for body in bodies:
            self.state.risk.take(body, now_ns, came_ns)  # type: ignore[arg-type]
            self.hand.handed_in(body)
        waiter: asyncio.Future[Events] = loop.create_future()
        self._under_way += 1
        self._quiet.clear()
        future.add_done_callback(lambda done: self._answers.put(loop, done, waiter, bodies))
        return waiter

    async def open(self) -> None:
        """Return when requests are taken: nobody keeps the state just now."""
        await self._open.wait()

    async def settled(self) -> None:
        """Return when nothing is on its way to the device and nothing follows from what is there."""
        while self._under_way:
            await self._quiet.wait()

    async def at_rest(self) -> tuple[int, bytes]:
        """The state, and the last event in it, at a moment when accounts, books and journal agree."""
        self._open.clear()
        try:
            await self.settled()
            return self.state.seq, self.state.to_bytes()
        finally:
            self._open.set()

    def begin(self) -> None:
        """Do what a crash left undone; to be called once what the accounts owed is written down."""
        if steps := self._steps(self.hand.outstanding()):
            self.append(steps)

    async def take(self, update: Update, told: Iterable[Body] = (), *, flow: str = "") -> None:
        """Do all that a price leads to, in one append that is on the device on return.

        `told` is what its feed makes of it: the bars that close with it, which strategies trade, and what else there is
        to write down. A loss that is too great throws the kill switch. Raises JournalError.
        """
        found = self._by_hand(update)
        for body in told:
            found += self._on_bar(body) if isinstance(body, BarClosed) else [body]
        marked = self._mark()
        if found or marked:
            await self.append([*found, *marked], flow=flow)
        lost = self._judge.lost()
        if lost is not None:
            await self.throw(lost)

    async def place(self, intent: OrderIntent) -> risk.Denied | None:
        """Have an order by hand judged and written down; why it was denied, None when it is durable.

        Raises DuplicateIntentError for an id that the journal knows, and JournalError.
        """
        denied = self._judge.found(intent)
        if denied is not None:
            await asyncio.shield(self.append([intent, risk.denied(intent, denied)]))
            return denied
        own = intent.client_order_id
        future = self.append([intent])
        self.state.risk.allow(intent, self._wall())
        self.placing[own] = future
        future.add_done_callback(lambda _done: self.placing.pop(own, None))
        try:
            await asyncio.shield(future)
        except DuplicateIntentError:
            self.state.risk.counted.pop(own, None)
            raise
        return None

    async def cancel(self, order: Order, actor: str) -> None:
        """Ask for the end of an open order; durable on return. Raises JournalError."""
        asked = CancelRequested(client_order_id=order.id, actor=actor)
        if order.intent.strategy:
            done = self.state.broker.cancel(order.id)
            await asyncio.shield(self._decided([asked, *(body for told in done.values() for body in told)]))
        elif self.hand.is_moving(order.id):  # a step of it is on its way: the request comes right behind it
            await asyncio.shield(self.append([asked]))
        else:
            await asyncio.shield(self.append(self.hand.claimed([contingency.cancel(order, "", actor)])))

    async def throw(self, event: KillSwitchSet | KillSwitchRearmed) -> None:
        """Set the kill switch or take it back, with all that follows from it; durable on return."""
        told: list[Body] = [event]
        if isinstance(event, KillSwitchSet):
            told += [body for bodies in self.state.broker.on_kill(event.action).values() for body in bodies]
        elif kill_switch.may_rearm(event.actor):
            self.state.broker.rearm()
        future = self._decided(told)
        steps = self.hand.claimed(self.hand.killing(self._wall()))
        if steps:
            self.append(steps)
        await asyncio.shield(future)

    def _by_hand(self, update: Update) -> list[Body]:
        """What a price does to orders by hand; nothing for one that is older than the last."""
        remembered = self.state.risk
        if isinstance(update, BarClosed):
            return self.hand.claimed(self.hand.on_price(update)) if remembered.is_new(update) else []
        seen = remembered.prices.get(update.symbol)
        if seen is not None and update.ts_ns < seen.ts_ns:
            return []
        found = self.hand.claimed(self.hand.on_price(update))
        remembered.price(update.symbol, update.price, update.ts_ns, self._wall(), self._clock())
        return found

    def _on_bar(self, bar: BarClosed) -> list[Body]:
        """Let strategies trade a closed bar; answers it with what they did, nothing when it was seen before."""
        if bar.strategy or not self.state.risk.is_new(bar):
            return []
        end_ns = bar.ts_ns + SECONDS[bar.timeframe] * NS_PER_S
        self.state.risk.price(bar.symbol, bar.close, end_ns, self._wall(), self._clock())
        found = self.state.broker.on_bar(bar, self._judge.denied) or [bar]
        self._traded |= any(isinstance(body, OrderFilled) for body in found)
        return found

    def _mark(self) -> list[Body]:
        """The account's mark when something has been traded, or a minute of trading has gone since the last one."""
        remembered = self.state.risk
        if not self._traded and remembered.clock.heard_ns - remembered.marked_ns < MARK_EVERY_NS:
            return []
        if not self._judge.is_priced():
            return []
        self._traded = False
        cash, equity, heard_ns = self.money.cash(), self.money.equity(), remembered.clock.heard_ns
        return [AccountMarked(cash=cash, equity=equity, day=remembered.day(), market_ns=heard_ns)]

    def _decided(self, bodies: Sequence[Body]) -> asyncio.Future[Events]:
        """Append what the accounts have done already: a journal that does not take it parts from them, and all ends."""
        try:
            return self.append(bodies)
        except JournalError as error:
            self.failed = error
            raise

    def _committed(self, done: Future[Events], waiter: asyncio.Future[Events], bodies: Sequence[Body]) -> None:
        """In the event loop, in the order of the journal: fold the events in, tell of them, and do what follows."""
        for body in bodies:
            self.hand.arrived(body)
        self._under_way -= 1
        try:
            events = done.result()
            for event in events:
                self._fold(event)
            if not waiter.done():
                waiter.set_result(events)
            for event in events:
                self._follow(event)
        except Exception as error:  # noqa: BLE001 - nobody awaits this: the engine ends by it instead
            if not isinstance(error, DuplicateIntentError):
                self.failed = error
            if not waiter.done():
                waiter.set_exception(error)
                waiter.exception()  # whoever waits is told, and nobody has to wait
        if not self._under_way:
            self._quiet.set()

    def _fold(self, event: Event) -> None:
        changed = self.state.books.apply(event)
        self._traded |= isinstance(event.body, OrderFilled) and changed is not None and not changed.intent.strategy
        self.state.seq = event.seq
        if isinstance(event.body, BarClosed) and not event.body.strategy:
            self.state.keep_bar(event.body)
        self.on_event(event, changed)

    def _follow(self, event: Event) -> None:
        if getattr(event.body, "client_order_id", "") not in self.state.books.hand.orders:
            return
        if steps := self._steps(self.hand.following(event.body)):
            self.append(steps, flow=event.flow, cause=event.seq)

    def _steps(self, due: Iterable[Body]) -> list[Body]:
        """What the kill switch wants, and what is due of those orders that it leaves alone."""
        killing = self.hand.claimed(self.hand.killing(self._wall())) if self.state.risk.switch.action else []
        return [*killing, *self.hand.claimed(due)]
