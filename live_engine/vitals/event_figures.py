"""What the engine has done since it began, counted from what it wrote down."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from live_engine import events
from live_engine.orders.status import OrdStatus
from live_engine.vitals.metrics import OTHER, Counter, Histogram

if TYPE_CHECKING:
    from live_engine.orders.order import Order
    from live_engine.vitals.metrics import Figure

SECOND_NS = 1_000_000_000
ACK_BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
MOST_UNANSWERED = 10_000
# A venue's reasons are free text: one series each would be without end. The first class with a word in it has it.
REASONS = (
    ("duplicate", ("duplicate", "already")),
    ("rate", ("rate", "too many", "throttl")),
    ("credentials", ("permission", "api key", "signature", "unauthor", "forbidden")),
    ("funds", ("fund", "money", "margin", "balance", "buying power", "insufficient")),
    ("closed", ("market is closed", "session", "halted", "not trading")),
    ("limit", ("limit of", "exceeds", "exposure", "book of working orders")),
    ("reduce", ("reduce", "sell short", "would short")),
    ("price", ("price", "tick")),
    ("quantity", ("quantity", "lot", "size", "notional")),
    ("symbol", ("symbol", "instrument")),
    ("shape", ("order type", "time in force")),
)
STATES: dict[type[events.Body], OrdStatus] = {
    events.OrderIntent: OrdStatus.INTENT,
    events.OrderSubmitted: OrdStatus.SUBMITTED,
    events.OrderAccepted: OrdStatus.NEW,
    events.OrderReplaced: OrdStatus.NEW,
    events.OrderUnknown: OrdStatus.UNKNOWN,
    events.OrderDenied: OrdStatus.REJECTED,
    events.OrderRejected: OrdStatus.REJECTED,
    events.OrderCanceled: OrdStatus.CANCELED,
    events.OrderExpired: OrdStatus.EXPIRED,
}
ANSWERS = (events.OrderAccepted, events.OrderReplaced, events.OrderRejected, events.OrderFilled)


def reason_class(reason: str) -> str:
    """One of a dozen words for why an order was refused."""
    lower = reason.lower()
    return next((name for name, words in REASONS if any(word in lower for word in words)), OTHER)


class EventFigures:
    """Counts events as they are written; what happened before a restart, Prometheus remembers."""

    def __init__(self) -> None:
        self._events = Counter("live_events_total", "Events written down, by type.", ("type",))
        self._orders = Counter(
            "live_orders_total",
            "Orders that came to a state of FIX OrdStatus, or to Intent, Submitted or Unknown.",
            ("venue", "state"),
        )
        self._fills = Counter("live_fills_total", "Trades of our orders.")
        self._rejects = Counter("live_order_rejects_total", "Orders that a venue refused, by kind.", ("reason",))
        self._denied = Counter("live_risk_denied_total", "Orders that our own rules kept back, by rule.", ("rule",))
        self._duplicates = Counter(
            "live_duplicates_suppressed_total", "Orders that were sent again under their client order id."
        )
        self._gaps = Counter("live_stream_gaps_total", "Times of which prices are missing, by stream.", ("stream",))
        self._connects = Counter("live_stream_connects_total", "Times that a stream began to deliver.", ("stream",))
        self._errors = Counter("live_strategy_errors_total", "Strategies stopped by an error.", ("strategy",))
        self._ack = Histogram(
            "live_order_ack_seconds", "From the writing down of an order's sending to that of its answer.", ACK_BOUNDS_S
        )
        self._sent_ns: OrderedDict[str, int] = OrderedDict()

    def on_event(self, event: events.Event, order: Order | None) -> None:
        """Count an event that is on the device; `order` is what OrderBook.apply made of it (None: nothing changed)."""
        body = event.body
        self._events.add(events.type_of(body))
        if order is not None:
            self._count_order(body, order)
        self._time_answer(event)
        if isinstance(body, events.OrderRejected):
            self._rejects.add(reason_class(body.reason))
        elif isinstance(body, events.OrderDenied):
            self._denied.add(body.rule)
        elif isinstance(body, events.StreamGap):
            self._gaps.add(body.stream)
        elif isinstance(body, events.StreamConnected):
            self._connects.add(body.stream)
        elif isinstance(body, events.StrategyStopped) and body.error:
            self._errors.add(body.strategy)

    def on_duplicate(self) -> None:
        """An order came again and was answered with the first one, or the journal refused it."""
        self._duplicates.add()

    def figures(self) -> tuple[Figure, ...]:
        """All of them."""
        return (
            self._events,
            self._orders,
            self._fills,
            self._rejects,
            self._denied,
            self._duplicates,
            self._gaps,
            self._connects,
            self._errors,
            self._ack,
        )

    def _count_order(self, body: events.Body, order: Order) -> None:
        """What the book did not take for a change of state (an answer after the end, a part of a fill) counts not."""
        if isinstance(body, events.OrderFilled):
            self._fills.add()
        state = OrdStatus.FILLED if isinstance(body, events.OrderFilled) else STATES.get(type(body))
        if state is order.standing and not (isinstance(body, events.OrderFilled) and body.late):
            self._orders.add(order.venue, state.value)

    def _time_answer(self, event: events.Event) -> None:
        body = event.body
        if isinstance(body, events.OrderSubmitted):
            self._sent_ns[body.client_order_id] = event.mono_ns
            if len(self._sent_ns) > MOST_UNANSWERED:
                self._sent_ns.popitem(last=False)
        elif isinstance(body, ANSWERS):
            sent_ns = self._sent_ns.pop(body.client_order_id, None)
            if sent_ns is not None:
                self._ack.observe((event.mono_ns - sent_ns) / SECOND_NS)
        elif isinstance(body, events.OrderCanceled | events.OrderExpired):
            self._sent_ns.pop(body.client_order_id, None)
