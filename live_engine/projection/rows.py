"""The shapes of the rows: what each table of pi5_pipelines/timescale/sql/0009_live.sql takes, as JSON will carry it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live_engine.orders.exact import EXACT

if TYPE_CHECKING:
    import msgspec

    from live_engine import events
    from live_engine.orders.order import Fill, Order
    from live_engine.orders.positions import Position

Row = dict[str, Any]
Rows = dict[str, list[Row]]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_STEP = Decimal("1E-12")  # of an average price, which has 90 digits
MAX_NS = 2**63 - 1


def moment(ns: int) -> str:
    """Nanoseconds of UTC as PostgreSQL reads them, to the microsecond."""
    return (EPOCH + timedelta(microseconds=within(ns) // 1_000)).isoformat()


def within(ns: int) -> int:
    """Nanoseconds that fit a bigint: a venue's word may be anything."""
    return max(-MAX_NS, min(MAX_NS, ns))


def bar(body: events.BarClosed) -> Row:
    """A row of live_bars."""
    return _fields(body, "symbol", "timeframe", "open", "high", "low", "close", "volume", "strategy") | {
        "ts": moment(body.ts_ns)
    }


def late_tick(body: events.LateTick) -> Row:
    """A row of live_late_ticks."""
    return _fields(body, "symbol", "price", "size") | {"ts": moment(body.ts_ns)}


def mark(body: events.AccountMarked, wall_ns: int) -> Row:
    """A row of live_account."""
    return _fields(body, "day", "cash", "equity") | {"marked_at": moment(wall_ns)}


def position(held: Position, wall_ns: int) -> Row:
    """A row of live_positions."""
    return _fields(held, "symbol", "currency", "quantity", "cost", "realised", "fees") | {
        "average_price": _shown(held.average_price),
        "changed_at": moment(wall_ns),
    }


def order(one: Order) -> Row:
    """A row of live_orders."""
    wanted = _fields(
        one.intent, "client_order_id", "strategy", "actor", "symbol", "currency", "side", "order_type", "time_in_force",
        "reduce_only", "parent", "replaces", "limit_price", "trail", "decision_price",
    )  # fmt: skip
    stands = _fields(
        one, "venue", "venue_order_id", "replaced_by", "quantity", "stop_price", "status", "is_open", "filled",
        "cumulative", "leaves", "reason", "late", "disputed",
    )  # fmt: skip
    more = {
        "order_group": one.intent.group,
        "average_price": _shown(one.average_price),
        "placed_at": moment(one.placed_ns),
        "changed_at": moment(one.changed_ns),
        "folded": one,
    }
    return wanted | stands | more


def trade(order_id: str, fill: Fill | events.OrderFilled, of: Order | None, traded_at: str) -> Row:
    """A row of live_trades; without its order's symbol when that is not known yet."""
    return _fields(fill, "fill_id", "quantity", "price", "fee", "fee_currency", "liquidity", "late") | {
        "client_order_id": order_id,
        "symbol": of and of.intent.symbol,
        "side": of and of.intent.side,
        "strategy": of and of.intent.strategy,
        "traded_at": traded_at,
        "traded_ns": within(fill.traded_ns),
    }


def _fields(one: msgspec.Struct, *names: str) -> Row:
    return {name: getattr(one, name) for name in names}


def _shown(price: Decimal | None) -> Decimal | None:
    return None if price is None else price.quantize(SHOWN_STEP, context=EXACT)
