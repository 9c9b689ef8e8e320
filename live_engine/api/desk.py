"""What the API needs of an engine, and no more: anything that keeps these promises can stand behind it.

All of it runs in one event loop. What must be durable is awaited; what is answered at once comes from memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from live_engine.api.views import AccountView, FillView, KillSwitchView, PositionView
    from live_engine.events import BarClosed, Event, KillAction, OrderIntent
    from live_engine.orders.order import Order
    from trading.instrument import Instrument

Topic = Literal["orders", "fills", "positions", "account", "prices", "bars", "kill-switch", "health", "events"]
TOPICS: tuple[Topic, ...] = (
    "orders",
    "fills",
    "positions",
    "account",
    "prices",
    "bars",
    "kill-switch",
    "health",
    "events",
)
# Of these only the latest value of a key counts; of the others every one does.
STATES: frozenset[Topic] = frozenset({"orders", "positions", "account", "prices", "kill-switch", "health"})


@dataclass(frozen=True, slots=True)
class Placed:
    """The order was not known and is now durable."""

    order: Order


@dataclass(frozen=True, slots=True)
class Repeated:
    """The same order was placed before: this is how it stands."""

    order: Order


@dataclass(frozen=True, slots=True)
class Conflicting:
    """Another order has this client order id."""

    order: Order


@dataclass(frozen=True, slots=True)
class Denied:
    """A rule of ours kept it from being sent: which, why, and how to mend it."""

    rule: str
    reason: str
    hint: str


Outcome = Placed | Repeated | Conflicting | Denied


@dataclass(frozen=True, slots=True)
class Update:
    """News of a topic: `key` says of what (an order id, a symbol; "" where there is one only), `data` is a view."""

    topic: Topic
    key: str
    data: object


class Desk(Protocol):
    """The engine as the API sees it. Methods may raise LiveEngineError, which becomes 503 with its hint."""

    async def audit(self, *, actor: str, role: str, action: str, target: str, address: str) -> Awaitable[object]:
        """Write down who wants to change what, before anything that is written down after this returns.

        The answer is awaited for it to be durable; it need not be.
        """

    async def place(self, intent: OrderIntent) -> Outcome:
        """Take an order; what is answered is durable. The desk adds the instrument's currency and the last price."""

    async def cancel(self, client_order_id: str, actor: str) -> Order | None:
        """Ask for a cancellation; the order as it stands then, closed already or not, None when there is none."""

    async def order(self, client_order_id: str) -> Order | None:
        """One order, however old."""

    async def orders(self, *, open_only: bool, symbol: str, limit: int) -> Sequence[Order]:
        """Orders of a symbol (or all), the newest first."""

    async def fills(self, *, after: int, symbol: str, limit: int) -> Sequence[FillView]:
        """Fills of a symbol (or all) that came after an event's seq, the oldest first."""

    def positions(self) -> Sequence[PositionView]:
        """What is held now."""

    def account(self) -> AccountView:
        """The account at the last prices."""

    def instruments(self) -> Sequence[Instrument]:
        """What may be traded."""

    async def bars(self, *, symbol: str, timeframe: str, limit: int) -> Sequence[BarClosed] | None:
        """The latest closed bars, the oldest first; None when there is no such symbol."""

    async def events(self, *, after: int, limit: int) -> Sequence[Event]:
        """Events above a seq, in order."""

    def last_seq(self) -> int:
        """The seq of the last durable event."""

    def kill_switch(self) -> KillSwitchView:
        """Whether new entries are taken, and who said no."""

    async def set_kill_switch(self, action: KillAction, *, actor: str, reason: str) -> None:
        """Halt new entries, cancel all, or flatten; durable on return."""

    async def rearm(self, *, actor: str) -> None:
        """Allow new entries again; durable on return."""

    def health(self) -> Sequence[str]:
        """Why the engine is not well; none: it is."""

    def metrics(self) -> str:
        """The engine's figures in the Prometheus text format, ending with a line break."""

    def snapshot(self, topic: Topic) -> Sequence[tuple[str, object]]:
        """Key and view of all that a topic holds now: the updates that follow begin right after it.

        It goes to every client that subscribes, so of what has ended it holds the latest only: below a megabyte in all.
        """

    def listen(self, listener: Callable[[Update], None], wants: Callable[[Topic], bool]) -> Callable[[], None]:
        """Call a function with every update from now on, in the event loop; the answer ends that.

        Updates of a topic that it does not want just then may be left out.
        """
