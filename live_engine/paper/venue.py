"""Orders by hand on paper: matched by the rulebook's own broker, at prices that came after them.

The venue keeps nothing: what works there is read off the order book, and what a price does to it is told as events.
So a restart finds it as it was, and what was not written down did not happen. A tick is a bar of one price. The
rulebook's book holds 16 orders; more of one symbol are matched 16 at a time, those of a group (of up to 16) together.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import msgspec

from live_engine.events import (
    Body,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderTrailed,
    OrderTriggered,
)
from live_engine.paper.orders import DUST, exact
from live_engine.paper.settings import CostBps  # noqa: TC001 - msgspec reads it at run time
from trading.broker import close_session, match_bar
from trading.fees import Fees
from trading.friction_options import margin_of
from trading.frictions import Frictions, options_row
from trading.ledger import CASH, OTHERS_GROSS, OTHERS_WORTH, POSITION, Desk, layout, ledger_head
from trading.matching import stop_level
from trading.order import (
    DAY,
    EXTREME,
    FOK,
    GROUP,
    GTC,
    ID,
    IOC,
    LIMIT,
    LIMIT_ORDER,
    MARKET,
    NAN,
    NEW,
    ORDER_COLUMNS,
    QUANTITY,
    REDUCE_ONLY,
    SIDE,
    SLOTS,
    STATE,
    STOP,
    STOP_LIMIT,
    STOP_ORDER,
    TIF,
    TRAIL,
    TRAILING_STOP,
    TRIGGERED,
    TYPE,
    empty_book,
    find_order,
)
from trading.paper import told
from trading.rules import Rules
from trading.slippage import Slippage, trail_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal

    from live_engine.orders.order import Fill, Order
    from trading.bar import Bar
    from trading.instrument import Instrument
    from trading.paper import OrderEvent

VENUE = "paper"
NOW = 1  # the rulebook's number of the bar that is matched; all orders were there before it
TYPES = {
    "market": MARKET,
    "limit": LIMIT_ORDER,
    "stop": STOP_ORDER,
    "stop_limit": STOP_LIMIT,
    "trailing_stop": TRAILING_STOP,
}
TIMES_IN_FORCE = {"day": DAY, "gtc": GTC, "ioc": IOC, "fok": FOK}


class HandSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[live.hand]: the account that orders by hand trade on; costs as in a backtest."""

    cash: Annotated[float, msgspec.Meta(gt=0.0, le=1e15)] = 10_000.0
    fee_bps: CostBps = 5.0
    slippage_bps: CostBps = 2.0


class Means(msgspec.Struct, frozen=True):
    """What an order is paid from: cash, what is held of its symbol, and of the others (signed, and without sign)."""

    cash: float
    position: float
    others_worth: float = 0.0
    others_gross: float = 0.0


class Venue:
    """Matches orders by hand; `fills` are those that each order has already."""

    def __init__(self, settings: HandSettings) -> None:
        self._settings = settings
        self._options: dict[str, list[float]] = {}
        self._layout = layout(trail_size(Slippage()), 4 * SLOTS, 16 * SLOTS)

    def on_bar(
        self,
        orders: Sequence[Order],
        bar: Bar,
        instrument: Instrument,
        means: Means,
        *,
        fills: Mapping[str, Mapping[str, Fill]],
        ends: bool = False,
    ) -> list[Body]:
        """What a price does to the orders of one symbol; `ends`: the session does with it."""
        found: list[Body] = []
        for batch in _batches(orders):
            desk = self._desk(batch, bar, instrument, means)
            match_bar(desk, NOW, bar, opens=True, first=True)
            if ends:
                close_session(desk, NOW, bar)
            means = msgspec.structs.replace(means, cash=desk.ledger[CASH], position=desk.ledger[POSITION])
            found += self._bodies(batch, desk, bar, fills)
        return found

    def _desk(self, orders: Sequence[Order], bar: Bar, instrument: Instrument, means: Means) -> Desk:
        book = empty_book()
        groups: dict[str, int] = {}
        for number, order in enumerate(orders, start=1):
            _write(book, number * ORDER_COLUMNS, number, order, bar.open)
            if order.intent.group:
                book[number * ORDER_COLUMNS + GROUP] = float(
                    groups.setdefault(order.intent.group, 1 + SLOTS + len(groups))
                )
        head = ledger_head(means.cash, self._options_of(instrument), self._layout)
        ledger = head + [0.0] * (self._layout.length - len(head))
        ledger[POSITION] = means.position
        ledger[OTHERS_WORTH], ledger[OTHERS_GROSS] = means.others_worth, means.others_gross
        return Desk(book, ledger)

    def _options_of(self, instrument: Instrument) -> list[float]:
        known = self._options.get(instrument.symbol)
        if known is None:
            fee_bps, slippage_bps = self._settings.fee_bps, self._settings.slippage_bps
            frictions = Frictions(
                rules=Rules(fee_bps=fee_bps, slippage_bps=slippage_bps, long_only=False, close_at_end=False),
                lot=float(instrument.lot),
                tick=float(instrument.tick_size),
                daily=False,
                fees=Fees(rate=fee_bps),
                slippage=Slippage(bps=slippage_bps),
                margin=margin_of("", 1.0, guarded=True),
            )
            known = self._options[instrument.symbol] = options_row(frictions)
        return known

    def _bodies(
        self, orders: Sequence[Order], desk: Desk, bar: Bar, fills: Mapping[str, Mapping[str, Fill]]
    ) -> Iterator[Body]:
        left = {order.id: order.leaves for order in orders}
        counts: Counter[str] = Counter()
        for event in told(desk, self._layout):
            order = orders[event.order - 1]
            if event.kind != "trade":
                yield from _end(order.id, event)
                continue
            quantity = exact(abs(event.quantity))
            if event.left <= DUST or abs(left[order.id] - quantity) <= DUST:
                quantity = left[order.id]
            left[order.id] -= quantity
            counts[order.id] += 1
            yield OrderFilled(
                client_order_id=order.id,
                fill_id=str(len(fills.get(order.id, ())) + counts[order.id]),
                quantity=quantity,
                price=exact(event.price),
                fee=exact(event.fee),
                traded_ns=bar.ts_us * 1_000,
            )
        yield from _trails(orders, desk)


def _batches(orders: Sequence[Order]) -> Iterator[list[Order]]:
    """As many orders as a book holds at a time; one that fills ends the others of its group only within a book."""
    together: dict[tuple[str, str], list[int]] = {}
    for number, order in enumerate(orders):
        group = order.intent.group
        together.setdefault((group, "" if group else order.id), []).append(number)
    batch: list[int] = []
    for numbers in together.values():
        if batch and len(batch) + len(numbers) > SLOTS:
            yield [orders[number] for number in sorted(batch)]
            batch = []
        batch += numbers
        while len(batch) > SLOTS:
            yield [orders[number] for number in batch[:SLOTS]]
            batch = batch[SLOTS:]
    if batch:
        yield [orders[number] for number in sorted(batch)]


def _write(book: list[float], slot: int, number: int, order: Order, price: float) -> None:
    """An order of ours as a row of the rulebook's."""
    intent = order.intent
    book[slot + ID] = float(number)
    book[slot + STATE] = NEW
    book[slot + TYPE] = TYPES[intent.order_type]
    book[slot + SIDE] = side = 1.0 if intent.side == "buy" else -1.0
    book[slot + QUANTITY] = float(order.leaves)
    book[slot + LIMIT] = _number(intent.limit_price)
    book[slot + STOP] = _number(intent.stop_price)
    book[slot + TRAIL] = _number(intent.trail)
    book[slot + TIF] = TIMES_IN_FORCE[intent.time_in_force]
    book[slot + REDUCE_ONLY] = 1.0 if intent.reduce_only else 0.0
    book[slot + TRIGGERED] = 1.0 if order.triggered else 0.0
    if intent.trail is not None:
        stop = order.stop_price
        book[slot + EXTREME] = price if stop is None else float(stop) - side * float(intent.trail)


def _number(price: Decimal | None) -> float:
    return NAN if price is None else float(price)


def _end(order_id: str, event: OrderEvent) -> Iterator[Body]:
    if event.kind == "triggered":
        yield OrderTriggered(client_order_id=order_id, price=exact(event.price))
    elif event.kind == "expired":
        yield OrderExpired(client_order_id=order_id, reason=event.reason)
    elif event.kind == "rejected":
        yield OrderRejected(client_order_id=order_id, reason=event.reason)
    elif event.kind == "canceled":
        yield OrderCanceled(client_order_id=order_id, reason=event.reason)


def _trails(orders: Sequence[Order], desk: Desk) -> Iterator[Body]:
    """Where the stops of trailing orders that still wait have moved to."""
    for number, order in enumerate(orders, start=1):
        slot = find_order(desk.orders, float(number))
        if order.intent.trail is None or slot == 0 or desk.orders[slot + TRIGGERED] != 0.0:
            continue
        stop = exact(stop_level(desk.orders, slot))
        if order.stop_price is None or float(stop) != float(order.stop_price):
            yield OrderTrailed(client_order_id=order.id, stop_price=stop)
