"""One strategy on one symbol: a paper account, and what it did with a bar in the words of the journal."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import BarClosed, Body, Decided, KillAction, StrategyStarted, StrategyStopped
from live_engine.paper.orders import Mark, OrderState, OrderTranslation, exact
from live_engine.paper.settings import StrategySettings  # noqa: TC001 - msgspec reads it at run time
from live_engine.risk.view import WorkingOrder
from trading.bar import Bar
from trading.paper import PaperAccount, PaperState
from trading.timeframe import DAY_SECONDS, SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from live_engine.events import OrderDenied, OrderIntent
    from trading.order import Order
    from trading.paper import OrderEvent

    Check = Callable[[OrderIntent], OrderDenied | None]

SECOND_NS = 1_000_000_000
NEVER_NS = -(2**63)


class DeskState(msgspec.Struct, frozen=True, kw_only=True):
    """A desk between two bars; `settings` are those it was made with, every parameter filled in."""

    settings: StrategySettings
    account: PaperState
    orders: dict[int, OrderState]
    mark: Mark
    last_ns: int
    started: bool
    broken: bool


class StrategyDesk:
    """A strategy's account, fed closed bars; a bar that is not newer than the last one changes nothing."""

    def __init__(self, settings: StrategySettings) -> None:
        self.settings = settings
        self.params = settings.all_params()
        self.account = PaperAccount(settings.definition(), settings.params, settings.frictions(), settings.cash)
        self.started = False
        self.last_ns = NEVER_NS
        self._broken = False  # the account itself failed: it takes no more bars
        self._orders = OrderTranslation(settings.name, settings.symbol, settings.lot)
        self._to_be_judged: set[int] = set()  # placed just now: they work once they have been judged

    def takes(self, bar: BarClosed) -> bool:
        """Whether a bar is one of its symbol and timeframe."""
        return (bar.symbol, bar.timeframe) == (self.settings.symbol, self.settings.timeframe)

    def warm(self, bar: BarClosed) -> list[Body]:
        """Learn from a bar of the past; answers StrategyStopped if the strategy raised."""
        if self.account.stopped or bar.ts_ns <= self.last_ns:
            return []
        self.last_ns = bar.ts_ns
        try:
            self.account.warm(_plain(bar))
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self.account.stopped = True
            return [self._stopped(_told(error))]
        return []

    def start(self, history: Iterable[BarClosed]) -> list[Body]:
        """Warm up by the bars of the past, oldest first, and trade from the next one on."""
        told: list[Body] = []
        count = 0
        for bar in history:
            if self.takes(bar) and bar.ts_ns > self.last_ns:
                told.append(msgspec.structs.replace(bar, strategy=self.settings.name))
                told += self.warm(bar)
                count += 1
            if self.account.stopped:
                return told
        name, symbol = self.settings.key
        started = StrategyStarted(
            strategy=name, symbol=symbol, params=self.params, warm_up_bars=count, settings=self.settings.terms()
        )
        self.started = True
        return [*told, started]

    def on_bar(self, bar: BarClosed, check: Check | None = None) -> list[Body]:
        """Trade a closed bar and let the strategy decide, once; `check` says of an order why it is not to be sent."""
        if not self.started or self._broken or not self.takes(bar) or bar.ts_ns <= self.last_ns:
            return []
        before_ns, self.last_ns = self.last_ns, bar.ts_ns
        wanted, was_stopped, error = self.account.wanted, self.account.stopped, ""
        denied: list[Body] = []
        plain, opens, closes = _plain(bar), self._opens(bar, before_ns), self._closes(bar)
        self._orders.turn_to(plain)

        def gate(placed: Sequence[Order]) -> Collection[int]:
            self._orders.take(placed)
            return self._denied(placed, check, denied) if check else ()

        try:
            self.account.on_bar(plain, opens=opens, closes=closes, gate=gate)
        except Exception as raised:  # noqa: BLE001 - a strategy may raise anything
            error = _told(raised)
            self._broken = was_stopped or not self.account.stopped
            self.account.stopped = True
        told = self._told(bar, wanted, denied, self.account.happened())
        if error:
            told.append(self._stopped(error))
        return told

    def stop(self, reason: str = "") -> list[Body]:
        """Let the strategy decide no more; entries are cancelled, exits go on working."""
        if self.account.stopped:
            return []
        told = [self._stopped(reason), *self._orders.bodies(self.account.stop())]
        self._keep_orders()
        return told

    def on_kill(self, action: KillAction) -> list[Body]:
        """What the kill switch does here: nothing, an end to every order, or to the position as well."""
        if action == "halt" or self._broken:
            return []
        events = self.account.flatten() if action == "flatten" else self.account.cancel_orders()
        told = self._orders.bodies(events)
        self._keep_orders()
        return told

    def cancel(self, client_order_id: str) -> list[Body]:
        """End one of its orders; nothing when it has none of that name that works."""
        order = next((one for one, state in self._orders.live.items() if state.client_order_id == client_order_id), 0)
        if not order or self._broken:
            return []
        told = self._orders.bodies(self.account.cancel_order(order))
        self._keep_orders()
        return told

    def working(self) -> list[WorkingOrder]:
        """The orders that may still fill, a target as what it would trade at the last price."""
        found = []
        for order in self.account.orders():
            state, signed = self._orders.live.get(order.id), self.account.signed_quantity(order)
            if state is not None and signed != 0.0 and order.id not in self._to_be_judged:
                found.append(self._working(order, state, signed))
        return found

    def identity(self) -> StrategySettings:
        """All of the settings that its orders depend on once it has started."""
        return msgspec.structs.replace(self.settings, params=self.params, warm_up_bars=0, promoted=False)

    def state(self) -> DeskState:
        """All that the desk is, to go on from."""
        return DeskState(
            settings=self.identity(),
            account=self.account.state(),
            orders={order: msgspec.structs.replace(one) for order, one in self._orders.live.items()},
            mark=self._orders.mark,
            last_ns=self.last_ns,
            started=self.started,
            broken=self._broken,
        )

    def resume(self, state: DeskState) -> None:
        """Go on from a state that a desk of the same settings was in."""
        self.account.resume(state.account)
        self._orders.resume(state.orders, state.mark)
        self.last_ns, self.started, self._broken = state.last_ns, state.started, state.broken

    def _denied(self, placed: Sequence[Order], check: Check, told: list[Body]) -> Collection[int]:
        """The ids of the orders that `check` refuses; `told` gets what is to be written down of them."""
        refused: set[int] = set()
        self._to_be_judged = {order.id for order in placed}
        for order in sorted(placed, key=lambda one: one.id):
            if order.parent in refused:
                continue
            signed = self.account.signed_quantity(order)
            intent = self._orders.asked(order, signed)
            if intent is None:
                self._to_be_judged.discard(order.id)
                continue
            exits = order.reduce_only or self._is_exit(signed)
            denied = check(msgspec.structs.replace(intent, reduce_only=exits))
            if denied is None:
                self._to_be_judged.discard(order.id)
            else:
                refused.add(order.id)
                told += self._orders.deny(order, intent, denied)
        self._to_be_judged.clear()
        return refused

    def _is_exit(self, signed: float) -> bool:
        held = self.account.position
        return held * signed < 0.0 and abs(signed) <= abs(held)

    def _working(self, order: Order, state: OrderState, signed: float) -> WorkingOrder:
        kind = "market" if state.intent is None else state.intent.order_type
        return WorkingOrder(
            client_order_id=state.client_order_id,
            symbol=self.settings.symbol,
            side="buy" if signed > 0.0 else "sell",
            order_type=kind,
            remaining=exact(abs(signed)),
            limit_price=None if state.intent is None else state.intent.limit_price,
            reduce_only=order.reduce_only or self._is_exit(signed),
            resting=kind in ("market", "limit") and order.parent == 0,
        )

    def _told(self, bar: BarClosed, wanted: float, denied: Sequence[Body], events: Sequence[OrderEvent]) -> list[Body]:
        """What orders of before did, the decision, what came of the orders placed upon it."""
        new = {order.id for order in self.account.placed} | {0}
        split = next((at for at, event in enumerate(events) if event.order in new), len(events))
        told = self._orders.bodies(events[:split])
        if self.account.wanted != wanted:
            name, symbol = self.settings.key
            told.append(
                Decided(strategy=name, symbol=symbol, bar_ns=bar.ts_ns, target=self.account.wanted, price=bar.close)
            )
        told += [*denied, *self._orders.bodies(events[split:])]
        self._keep_orders()
        return told

    def _keep_orders(self) -> None:
        self._orders.keep({order.id for order in self.account.orders()})

    def _stopped(self, error: str) -> StrategyStopped:
        return StrategyStopped(strategy=self.settings.name, symbol=self.settings.symbol, error=error)

    def _opens(self, bar: BarClosed, before_ns: int) -> bool:
        day_ns = DAY_SECONDS * SECOND_NS
        return self._length_s() >= DAY_SECONDS or bar.ts_ns // day_ns != before_ns // day_ns

    def _closes(self, bar: BarClosed) -> bool:
        end_s = bar.ts_ns // SECOND_NS + self._length_s()
        return self._length_s() >= DAY_SECONDS or end_s % DAY_SECONDS == self.settings.session_ends_s % DAY_SECONDS

    def _length_s(self) -> int:
        return SECONDS[self.settings.timeframe]


def _plain(bar: BarClosed) -> Bar:
    """The rulebook's form of a bar."""
    return Bar(
        bar.ts_ns // 1_000, float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume)
    )


def _told(error: Exception) -> str:
    """What was raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
