"""The orders of the journal while a reader goes along it: what was wanted, since when, and which fills were told."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.events import (
    EngineStarted,
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderReplaced,
    OrderUnknown,
)

if TYPE_CHECKING:
    from live_engine.events import AnyBody

KEEP_CLOSED = 50_000  # closed orders remembered, for fills that come late
ENDS = (OrderDenied, OrderRejected, OrderCanceled, OrderExpired)


@dataclass(slots=True)
class SeenOrder:
    """An order so far, and the events that first wanted, accepted and filled it.

    The latter two are None until then, and for good where the engine was started anew in between: monotonic clocks
    compare within one start, which `boot` counts. `doubt` is why its fate is not known, "" when it is.
    """

    intent: OrderIntent
    wanted: Event
    boot: int
    accepted_by: Event | None = None
    filled_by: Event | None = None
    filled: Decimal = Decimal(0)
    fills: set[str] = field(default_factory=set)
    doubt: str = ""


class Orders:
    """The fold. `known` forgets orders that have been closed for longest."""

    def __init__(self) -> None:
        self.known: dict[str, SeenOrder] = {}
        self.doubtful: dict[str, SeenOrder] = {}
        self.boot = 0
        self._closed: dict[str, None] = {}

    def take(self, event: Event) -> SeenOrder | None:
        """Take an event in; the order that it changed, None for none or for a fill that was told before."""
        body = event.body
        if isinstance(body, EngineStarted):
            self.boot += 1
            return None
        if isinstance(body, OrderIntent):
            seen = self.known[body.client_order_id] = SeenOrder(body, event, self.boot)
            return seen
        order = self.known.get(getattr(body, "client_order_id", ""))
        if order is None:
            return None
        if isinstance(body, OrderFilled):
            return self._fill(order, body, event)
        self._change(order, body, event)
        return order

    def _fill(self, order: SeenOrder, body: OrderFilled, event: Event) -> SeenOrder | None:
        if body.fill_id in order.fills:
            return None
        order.fills.add(body.fill_id)
        order.filled += body.quantity
        self._settle(order)
        if order.filled_by is None and order.boot == self.boot:
            order.filled_by = event
        if order.filled >= order.intent.quantity:
            self._close(body.client_order_id)
        return order

    def _change(self, order: SeenOrder, body: AnyBody, event: Event) -> None:
        name = order.intent.client_order_id
        if isinstance(body, OrderUnknown):
            order.doubt = body.reason or "no reason was told"
            self.doubtful[name] = order
        elif isinstance(body, OrderAccepted):
            self._settle(order)
            if order.accepted_by is None and order.boot == self.boot:
                order.accepted_by = event
        elif isinstance(body, ENDS):
            self._settle(order)
            self._close(name)
        elif isinstance(body, OrderReplaced):
            self._settle(order)
            self._close(order.intent.replaces)

    def _settle(self, order: SeenOrder) -> None:
        order.doubt = ""
        self.doubtful.pop(order.intent.client_order_id, None)

    def _close(self, name: str) -> None:
        self._closed[name] = None
        while len(self._closed) > KEEP_CLOSED:
            self.known.pop(next(iter(self._closed)), None)
            del self._closed[next(iter(self._closed))]
