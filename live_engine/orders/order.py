"""One order as the events have made it, one fill of it, and when two orders are the same one."""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - msgspec reads the annotations

import msgspec

from live_engine.events import OrderIntent
from live_engine.orders.exact import ZERO, minus, over, plus
from live_engine.orders.status import TERMINAL, OrdStatus, status_of

# What the engine itself adds to an order: asking again gives it other values, and is the same order all the same.
ADDED_BY_US = frozenset({"v", "actor", "decision_price", "currency"})


class Fill(msgspec.Struct, frozen=True, omit_defaults=True):
    """A trade that counts; `seq` is the event that brought it, `late` when the order had ended before."""

    fill_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    seq: int
    traded_ns: int = 0
    liquidity: str = ""
    late: bool = False


class Order(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order: what was wanted, where it stands, and what has filled.

    `quantity` is what works or is to work: the intent's, or the part that came to life of an order that waited. In a
    chain of replacements it is the quantity of the whole chain (FIX OrderQty), `carried` what the orders before it
    filled and `filled` what filled under its own id. `value` is the sum of quantity x price of its own fills,
    `stop_price` the present stop. `late`: a fill came after the end. `disputed`: the venue has contradicted itself.
    """

    intent: OrderIntent
    seq: int
    placed_ns: int
    changed_ns: int
    quantity: Decimal
    standing: OrdStatus = OrdStatus.INTENT
    venue: str = ""
    venue_order_id: str = ""
    carried: Decimal = ZERO
    filled: Decimal = ZERO
    value: Decimal = ZERO
    stop_price: Decimal | None = None
    waiting: bool = False
    triggered: bool = False
    cancel_asked: bool = False
    cancels_refused: int = 0
    replacing: str = ""
    replaced_by: str = ""
    reason: str = ""
    late: bool = False
    disputed: bool = False

    @property
    def id(self) -> str:
        """The client order id."""
        return self.intent.client_order_id

    @property
    def status(self) -> OrdStatus:
        """FIX OrdStatus, or one of our three."""
        return status_of(self.standing, cancel_asked=self.cancel_asked, replace_asked=self.replacing != "")

    @property
    def is_open(self) -> bool:
        """Whether it may still fill without being late."""
        return self.standing not in TERMINAL

    @property
    def is_held(self) -> bool:
        """Whether no venue has been sent it: its end is ours to decide."""
        return self.standing is OrdStatus.INTENT

    @property
    def cumulative(self) -> Decimal:
        """What its chain has filled up to it (FIX CumQty)."""
        return plus(self.carried, self.filled)

    @property
    def leaves(self) -> Decimal:
        """What may still fill (FIX LeavesQty)."""
        return max(ZERO, minus(self.quantity, self.cumulative)) if self.is_open else ZERO

    @property
    def overfilled(self) -> bool:
        """Whether more filled than was wanted."""
        return self.filled > 0 and self.cumulative > self.quantity

    @property
    def average_price(self) -> Decimal | None:
        """Of its own fills (FIX AvgPx), to 90 digits; None before the first."""
        return over(self.value, self.filled) if self.filled else None


def same_order(one: OrderIntent, other: OrderIntent) -> bool:
    """Whether two intents ask for the same, so that the second is a repetition and no conflict.

    Numbers count by value (1 is 1.00). Who asked, and what the engine added (price and currency), do not count.
    """
    names = [name for name in OrderIntent.__struct_fields__ if name not in ADDED_BY_US]
    return all(getattr(one, name) == getattr(other, name) for name in names)
