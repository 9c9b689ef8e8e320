"""What the rulebook tells of its orders, in the words of the journal.

An order is called `strategy-symbol-second-n`: the start of the bar it was decided on, in seconds since 1970, and its
number among that bar's. The same bars give the same names, so an order that is told twice is told once.

A target is no order yet: how much it takes is known when a price is there. So it becomes a market order of its own in
every bar where it trades, of just what it traded there (and what money did not suffice for); later parts of the same
target are called `...-n.2`, `...-n.3`. Fills bear the start of their bar, the one time that a bar tells.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import (
    Body,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
    OrderTriggered,
    OrderType,
    Side,
    TimeInForce,
)
from trading import order as book

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from trading.bar import Bar
    from trading.order import Order
    from trading.paper import OrderEvent

VENUE = "paper"
DUST = Decimal("1e-9")  # of a lot: what rounding leaves
SECOND_US = 1_000_000
TARGETS = (book.OrderType.TARGET, book.OrderType.TARGET_QUANTITY)
TYPES: dict[book.OrderType, OrderType] = {
    book.OrderType.MARKET: "market",
    book.OrderType.LIMIT: "limit",
    book.OrderType.STOP: "stop",
    book.OrderType.STOP_LIMIT: "stop_limit",
    book.OrderType.TRAILING_STOP: "trailing_stop",
    book.OrderType.TRAILING_STOP_PERCENT: "trailing_stop",
}
# Auction orders end with their session, as those good for the day do.
TIMES_IN_FORCE: dict[book.TimeInForce, TimeInForce] = {
    book.TimeInForce.DAY: "day",
    book.TimeInForce.GTC: "gtc",
    book.TimeInForce.AT_OPEN: "day",
    book.TimeInForce.IOC: "ioc",
    book.TimeInForce.FOK: "fok",
    book.TimeInForce.AT_CLOSE: "day",
}
REDUCED = "its quantity came down with what it was to reduce"


def exact(number: float) -> Decimal:
    """The shortest decimal that reads back as this very float."""
    return Decimal(repr(float(number)))


class OrderState(msgspec.Struct, kw_only=True):
    """An order that lives: its name, how much of it has filled in how many fills (for a target: in how many parts)."""

    client_order_id: str
    is_target: bool
    decision_price: Decimal
    intent: OrderIntent | None = None
    accepted: bool = False
    filled: Decimal = Decimal(0)
    fills: int = 0


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """Where naming stands: the start of the last bar, its close, and how many orders are named after it."""

    bar_us: int = 0
    price: Decimal = Decimal(0)
    named: int = 0


class OrderTranslation:
    """The orders of one account by the rulebook's ids, and their names."""

    def __init__(self, strategy: str, symbol: str, lot: float) -> None:
        self._strategy = strategy
        self._symbol = symbol
        self._dust = DUST * exact(lot)
        self._bar_us = 0
        self._price = Decimal(0)
        self._named = 0
        self.live: dict[int, OrderState] = {}

    def turn_to(self, bar: Bar) -> None:
        """A bar has closed."""
        self._bar_us, self._price, self._named = bar.ts_us, exact(bar.close), 0

    def take(self, placed: Sequence[Order]) -> None:
        """These orders were placed after the bar."""
        for order in sorted(placed, key=lambda one: one.id):
            is_target = order.type in TARGETS
            self.live[order.id] = OrderState(
                client_order_id=self._name(), is_target=is_target, decision_price=self._price
            )
        for order in placed:
            if order.type not in TARGETS and 0.0 < order.quantity < float("inf"):
                self.live[order.id].intent = self._intent_of(order)

    def asked(self, order: Order, signed: float) -> OrderIntent | None:
        """What an order that was placed asks for, `signed` being its quantity as it looks now; None for nothing."""
        state = self.live[order.id]
        if not state.is_target:
            return state.intent
        return self._market(state, state.client_order_id, signed, exact(abs(signed))) if abs(signed) > 0.0 else None

    def deny(self, order: Order, intent: OrderIntent, denied: OrderDenied) -> list[Body]:
        """An order is not sent, nor the exits that would wait for it."""
        gone = [
            one for one, state in self.live.items() if state.intent and state.intent.parent == intent.client_order_id
        ]
        for one in (order.id, *gone):
            del self.live[one]
        return [intent, denied]

    def bodies(self, events: Sequence[OrderEvent]) -> list[Body]:
        """The events of the present bar, or of a part of it, told in order."""
        told: list[Body] = []
        for at, event in enumerate(events):
            state = self.live.get(event.order)
            if state is None and event.kind == "rejected":  # of no known type, or the book was full
                told.append(OrderDenied(client_order_id=self._name(), rule=VENUE, reason=event.reason))
                continue
            if state is None:  # sent by the account itself: out of all, at a margin call or in ruin
                state = OrderState(client_order_id=self._name(), is_target=True, decision_price=self._price)
                self.live[event.order] = state
            if state.is_target:
                told += self._target(state, event, events[:at], events[at:])
            else:
                told += self._order(state, event)
        return told

    @property
    def mark(self) -> Mark:
        """Where naming stands, to go on from."""
        return Mark(self._bar_us, self._price, self._named)

    def resume(self, live: Mapping[int, OrderState], mark: Mark) -> None:
        """Go on from the orders that live, and where naming stood."""
        self.live = dict(live)
        self._bar_us, self._price, self._named = mark.bar_us, mark.price, mark.named

    def keep(self, orders: Collection[int]) -> None:
        """Forget all orders but those that the book still holds."""
        self.live = {order: state for order, state in self.live.items() if order in orders}

    def _order(self, state: OrderState, event: OrderEvent) -> list[Body]:
        told: list[Body] = []
        name, intent = state.client_order_id, state.intent
        if intent is None:
            denied = OrderDenied(client_order_id=name, rule=VENUE, reason=event.reason)
            return [denied] if event.kind == "rejected" else []
        if not state.accepted:
            told += [intent, OrderSubmitted(client_order_id=name, venue=VENUE)]
        if event.kind == "new":
            told.append(OrderAccepted(client_order_id=name, venue_order_id=str(event.order)))
        elif event.kind == "triggered":
            told.append(OrderTriggered(client_order_id=name, price=exact(event.price)))
        elif event.kind == "trade":
            told += self._fill(state, intent, event)
        elif event.kind == "rejected" and not state.accepted:
            told.append(OrderRejected(client_order_id=name, reason=event.reason))
        elif event.kind == "expired":
            told.append(OrderExpired(client_order_id=name, reason=event.reason))
        else:
            told.append(OrderCanceled(client_order_id=name, reason=event.reason))
        state.accepted = True
        return told

    def _fill(self, state: OrderState, intent: OrderIntent, event: OrderEvent) -> list[Body]:
        quantity, left = exact(abs(event.quantity)), intent.quantity - state.filled
        if self._is_done(event) and abs(left - quantity) <= self._dust:
            quantity = left  # parts of binary numbers need not add up to the last digit
        state.filled += quantity
        state.fills += 1
        told: list[Body] = [self._filled(state.client_order_id, state.fills, quantity, event)]
        if self._is_done(event) and state.filled < intent.quantity:
            told.append(OrderCanceled(client_order_id=state.client_order_id, reason=REDUCED))
        return told

    def _target(
        self, state: OrderState, event: OrderEvent, before: Sequence[OrderEvent], rest: Sequence[OrderEvent]
    ) -> list[Body]:
        """What a target's event means; the first trade of a bar tells of its whole order."""
        mine = [one for one in rest if one.order == event.order and one.kind in {"trade", "canceled", "rejected"}]
        traded = any(one.order == event.order and one.kind == "trade" for one in before)
        if event.kind not in {"trade", "canceled", "rejected"}:
            return []
        if not traded and event.quantity == 0.0:  # never found out how much to trade
            denied = OrderDenied(client_order_id=state.client_order_id, rule=VENUE, reason=event.reason)
            return [denied] if event.kind == "rejected" else []
        if not traded and event.kind == "canceled":
            return []
        told: list[Body] = []
        if not traded:
            state.fills += 1
        name = state.client_order_id if state.fills == 1 else f"{state.client_order_id}.{state.fills}"
        if not traded:
            told += [
                self._market(state, name, event.quantity, sum((exact(abs(one.quantity)) for one in mine), Decimal(0))),
                OrderSubmitted(client_order_id=name, venue=VENUE),
            ]
            if event.kind == "trade":
                told.append(OrderAccepted(client_order_id=name, venue_order_id=str(event.order)))
        if event.kind == "trade":
            number = 1 + sum(one.order == event.order and one.kind == "trade" for one in before)
            told.append(self._filled(name, number, exact(abs(event.quantity)), event))
        elif event.kind == "rejected" and not traded:
            told.append(OrderRejected(client_order_id=name, reason=event.reason))
        elif event.quantity != 0.0:
            told.append(OrderCanceled(client_order_id=name, reason=event.reason))
        return told

    def _is_done(self, event: OrderEvent) -> bool:
        return exact(event.left) <= self._dust

    def _filled(self, name: str, number: int, quantity: Decimal, event: OrderEvent) -> OrderFilled:
        return OrderFilled(
            client_order_id=name,
            fill_id=str(number),
            quantity=quantity,
            price=exact(event.price),
            fee=exact(event.fee),
            traded_ns=self._bar_us * 1_000,
        )

    def _market(self, state: OrderState, name: str, signed: float, quantity: Decimal) -> OrderIntent:
        return OrderIntent(
            client_order_id=name,
            symbol=self._symbol,
            side=_side(signed),
            order_type="market",
            quantity=quantity,
            time_in_force="gtc",
            strategy=self._strategy,
            decision_price=state.decision_price,
        )

    def _intent_of(self, order: Order) -> OrderIntent:
        trail = order.trail * (float(self._price) if order.type == book.OrderType.TRAILING_STOP_PERCENT else 1.0)
        return OrderIntent(
            client_order_id=self.live[order.id].client_order_id,
            symbol=self._symbol,
            side=_side(order.side),
            order_type=TYPES[order.type],
            quantity=exact(order.quantity),
            limit_price=_price(order.limit),
            stop_price=_price(order.stop),
            trail=_price(trail),
            time_in_force=TIMES_IN_FORCE[order.time_in_force],
            reduce_only=order.reduce_only,
            parent=self._name_of(order.parent),
            group=self._name_of(order.group),
            strategy=self._strategy,
            decision_price=self._price,
        )

    def _name(self) -> str:
        self._named += 1
        return f"{self._strategy}-{self._symbol}-{self._bar_us // SECOND_US}-{self._named}"

    def _name_of(self, order: int) -> str:
        return self.live[order].client_order_id if order in self.live else ""


def _side(signed: float) -> Side:
    return "buy" if signed > 0.0 else "sell"


def _price(number: float) -> Decimal | None:
    """A number that an order names; None where it names none (NaN, or one that is no number at all)."""
    return exact(number) if abs(number) < float("inf") else None
