"""The facts that a decision on an order needs, as they stand at one moment."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from live_engine.events import KillAction, OrderType, Side  # noqa: TC001 - msgspec reads the annotations
from live_engine.risk.duplicates import RecentOrders
from live_engine.risk.rate import OrderCounts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ZERO = Decimal(0)


class LastPrice(msgspec.Struct, frozen=True):
    """The last trade of a symbol, and when it reached us (nanoseconds of UTC)."""

    price: Decimal
    at_ns: int


class WorkingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that may still fill: `remaining` can, `filled` has, over its whole chain of replacements.

    `resting`: it stands at the venue or is on its way there; an untriggered stop, and an order that waits for its
    parent, do not.
    """

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    remaining: Decimal
    filled: Decimal = ZERO
    limit_price: Decimal | None = None
    reduce_only: bool = False
    resting: bool = True


class Working(NamedTuple):
    """What the working orders of a symbol come to; `cover` and `trim` are the buys and sells that only reduce."""

    buys: Decimal = ZERO
    sells: Decimal = ZERO
    cover: Decimal = ZERO
    trim: Decimal = ZERO

    def with_order(
        self, order: WorkingOrder, change: Callable[[Decimal, Decimal], Decimal] = Decimal.__add__
    ) -> Working:
        """With one more order, or one less if `change` takes off."""
        buys, sells, cover, trim = self
        more = order.remaining
        if order.side == "buy":
            buys, cover = (buys, change(cover, more)) if order.reduce_only else (change(buys, more), cover)
        else:
            sells, trim = (sells, change(trim, more)) if order.reduce_only else (change(sells, more), trim)
        return Working(buys, sells, cover, trim)


class RiskView(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is so at the moment of the decision; the engine builds it, the rules only read it.

    Positions are signed quantities. `working` holds every order that may still fill, those of unknown fate too.
    `symbols` are the configured ones. `clock_offset_ms` is this machine's clock less the venue's, None where there is
    no venue to ask.
    """

    equity: Decimal
    start_of_day_equity: Decimal
    peak_equity: Decimal
    symbols: frozenset[str] = frozenset()
    positions: Mapping[str, Decimal] = {}
    working: tuple[WorkingOrder, ...] = ()
    prices: Mapping[str, LastPrice] = {}
    clock_offset_ms: float | None = None
    kill: KillAction | Literal[""] = ""
    counts: OrderCounts = OrderCounts()
    recent: RecentOrders = RecentOrders()
    summed: Mapping[str, Working] | None = None

    @cached_property
    def sums(self) -> Mapping[str, Working]:
        """What the working orders of each symbol come to; `summed` where the engine keeps it."""
        return with_orders({}, self.working) if self.summed is None else self.summed


def with_orders(sums: Mapping[str, Working], orders: Iterable[WorkingOrder]) -> Mapping[str, Working]:
    """Sums by symbol with some more orders."""
    found = dict(sums)
    for order in orders:
        found[order.symbol] = found.get(order.symbol, Working()).with_order(order)
    return found


def last_price(view: RiskView, symbol: str) -> Decimal | None:
    """The last traded price; None when there is none yet."""
    found = view.prices.get(symbol)
    return None if found is None else found.price
