"""Orders, views and events of the tests: an account of 10,000 and a last price of 100, a second ago."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live_engine.events import Event, OrderIntent
from live_engine.risk.limits import RiskLimits
from live_engine.risk.view import LastPrice, RiskView, WorkingOrder

if TYPE_CHECKING:
    from live_engine.events import AnyBody, Side

SECOND = 1_000_000_000
NOW = 1_764_081_000 * SECOND  # Tuesday 2025-11-25, 09:30 in New York
LIMITS = RiskLimits()


def order(side: Side = "buy", quantity: str | int = 1, **more: Any) -> OrderIntent:  # noqa: ANN401 - whatever the fields hold
    prices: dict[str, Any] = {key: Decimal(more.pop(key)) for key in ("limit_price", "stop_price") if key in more}
    kind = "limit" if "limit_price" in prices else "market"
    given = {"client_order_id": "new", "symbol": "A", "order_type": kind} | more
    return OrderIntent(side=side, quantity=Decimal(quantity), **prices, **given)


def working(side: Side = "buy", remaining: str | int = 1, **more: Any) -> WorkingOrder:  # noqa: ANN401 - whatever the fields hold
    limit = Decimal(more.pop("limit_price")) if "limit_price" in more else None
    kind = "market" if limit is None else "limit"
    given = {"client_order_id": "old", "symbol": "A", "order_type": kind} | more
    return WorkingOrder(side=side, remaining=Decimal(remaining), limit_price=limit, **given)


def view(**more: Any) -> RiskView:  # noqa: ANN401 - whatever the fields hold
    money: dict[str, Any] = {
        key: Decimal(more.pop(key, 10_000)) for key in ("equity", "start_of_day_equity", "peak_equity")
    }
    positions = {symbol: Decimal(held) for symbol, held in more.pop("positions", {}).items()}
    prices = {symbol: LastPrice(Decimal(100), NOW - SECOND) for symbol in ("A", "B")}
    given = {"symbols": frozenset({"A", "B"}), "prices": prices} | more
    return RiskView(positions=positions, **money, **given)


def limits(**more: Any) -> RiskLimits:  # noqa: ANN401 - whatever the fields hold
    """Every limit out of the way but those that are named."""
    wide: dict[str, Any] = dict.fromkeys(
        ("max_order_quantity", "max_order_notional", "price_collar_bps", "max_position_quantity"), Decimal(10**9)
    )
    wide |= dict.fromkeys(
        ("max_position_notional", "max_gross_exposure", "max_daily_loss", "max_drawdown_pct"), Decimal(10**9)
    )
    wide |= dict.fromkeys(("max_orders_per_second", "max_orders_per_minute", "max_orders_per_day"), 10**9)
    return RiskLimits(**(wide | {"forbid_self_cross": False, "duplicate_window_s": 0.0} | more))


def event(body: AnyBody, wall_ns: int = NOW, seq: int = 1) -> Event:
    return Event(seq=seq, wall_ns=wall_ns, mono_ns=0, body=body)
