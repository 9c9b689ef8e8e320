"""The same order again within a short while: most likely a key pressed twice, or a program that does not see its order.

Two orders are the same when symbol, side, type, prices, quantity, strategy and group are; a replacement is never.
Only the newest orders are remembered: beyond so many within a window the limits on their number have spoken already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from live_engine.events import Event, OrderDenied, OrderIntent
from live_engine.risk.limits import LONGEST_WINDOW_S

if TYPE_CHECKING:
    from decimal import Decimal

    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView

NEWEST = 256
NS_PER_S = 1_000_000_000


class Recent(msgspec.Struct, frozen=True):
    """One order: its id, when it was wanted, and what it asked for."""

    client_order_id: str
    wanted_ns: int
    content: str


class RecentOrders(msgspec.Struct, frozen=True):
    """The newest orders that were not denied, oldest first."""

    orders: tuple[Recent, ...] = ()


def fold_recent(recent: RecentOrders, event: Event) -> RecentOrders:
    """The newest orders after an event: an intent joins them, a denied one leaves without a trace."""
    body = event.body
    if isinstance(body, OrderIntent):
        oldest_ns = event.wall_ns - LONGEST_WINDOW_S * NS_PER_S
        kept = recent.orders[1 - NEWEST :]
        if kept and kept[0].wanted_ns <= oldest_ns:
            kept = tuple(one for one in kept if one.wanted_ns > oldest_ns)
        return RecentOrders((*kept, Recent(body.client_order_id, event.wall_ns, content_of(body))))
    if isinstance(body, OrderDenied):
        return RecentOrders(tuple(one for one in recent.orders if one.client_order_id != body.client_order_id))
    return recent


def content_of(order: OrderIntent) -> str:
    """What an order asks for, in words that are equal for equal orders: 1.0 is 1."""
    numbers = map(_plain, (order.quantity, order.limit_price, order.stop_price, order.trail))
    texts = (order.symbol, order.side, order.order_type, *numbers, order.parent, order.group, order.strategy)
    return "|".join((*texts, "reduce only" if order.reduce_only else ""))


def _plain(number: Decimal | None) -> str:
    return "" if number is None else f"{number.normalize():f}"


def duplicate(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """Not the same order again within the window; to flatten, whatever was asked for just before."""
    if order.replaces or (view.kill and order.reduce_only):
        return None
    content = content_of(order)
    for one in reversed(view.recent.orders):
        if one.content == content and one.client_order_id != order.client_order_id:
            age_s = abs(now_ns - one.wanted_ns) / NS_PER_S
            if age_s < limits.duplicate_window_s:
                return (
                    f"order {one.client_order_id!r} asked for the same {age_s:.3f} s ago, "
                    f"within {limits.duplicate_window_s:g} s that is taken for a mistake"
                )
            return None
    return None
