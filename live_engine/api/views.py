"""What the API shows: numbers as strings, moments as nanoseconds of UTC, states by their names."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import (  # noqa: TC001 - msgspec reads the annotations
    BarClosed,
    Event,
    KillAction,
    OrderType,
    Side,
    TimeInForce,
)
from live_engine.orders.exact import EXACT

if TYPE_CHECKING:
    from live_engine.orders.order import Fill, Order
    from trading.instrument import Instrument

AVERAGE_STEP = Decimal("1E-12")


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order. `status` is a name of FIX OrdStatus, or INTENT, SUBMITTED, UNKNOWN; `stop_price` the present one."""

    client_order_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    time_in_force: TimeInForce
    reduce_only: bool
    parent: str
    group: str
    replaces: str
    replaced_by: str
    strategy: str
    actor: str
    status: str
    filled_quantity: Decimal
    leaves_quantity: Decimal
    average_price: Decimal | None
    venue_order_id: str
    reason: str
    late: bool
    seq: int
    placed_ns: int
    changed_ns: int


def rounded(average: Decimal) -> Decimal:
    """An average price with at most twelve decimals, no zeros behind them and no exponent of tens."""
    value = average.quantize(AVERAGE_STEP, context=EXACT)
    whole = value.to_integral_value()
    return whole if value == whole else value.normalize(EXACT)


def order_view(order: Order) -> OrderView:
    """An order as it is shown; its average price has at most twelve decimals."""
    intent = order.intent
    average = order.average_price
    return OrderView(
        client_order_id=order.id,
        symbol=intent.symbol,
        side=intent.side,
        type=intent.order_type,
        quantity=order.quantity,
        limit_price=intent.limit_price,
        stop_price=order.stop_price if order.stop_price is not None else intent.stop_price,
        trail=intent.trail,
        time_in_force=intent.time_in_force,
        reduce_only=intent.reduce_only,
        parent=intent.parent,
        group=intent.group,
        replaces=intent.replaces,
        replaced_by=order.replaced_by,
        strategy=intent.strategy,
        actor=intent.actor,
        status=order.status.name,
        filled_quantity=order.cumulative,
        leaves_quantity=order.leaves,
        average_price=None if average is None else rounded(average),
        venue_order_id=order.venue_order_id,
        reason=order.reason,
        late=order.late,
        seq=order.seq,
        placed_ns=order.placed_ns,
        changed_ns=order.changed_ns,
    )


class FillView(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that counts; `seq` is the event that brought it."""

    seq: int
    client_order_id: str
    fill_id: str
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_currency: str
    liquidity: str
    traded_ns: int
    late: bool


def fill_view(order: Order, fill: Fill) -> FillView:
    """A fill as it is shown."""
    return FillView(
        seq=fill.seq,
        client_order_id=order.id,
        fill_id=fill.fill_id,
        symbol=order.intent.symbol,
        side=order.intent.side,
        quantity=fill.quantity,
        price=fill.price,
        fee=fill.fee,
        fee_currency=fill.fee_currency or order.intent.currency,
        liquidity=fill.liquidity,
        traded_ns=fill.traded_ns,
        late=fill.late,
    )


class PositionView(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol: signed quantity, what a unit cost, and profit before fees at `last_price` (None: no price yet)."""

    symbol: str
    currency: str
    quantity: Decimal
    average_price: Decimal | None
    last_price: Decimal | None
    realised: Decimal
    unrealised: Decimal | None
    fees: Decimal


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """The account at the last prices; `day_profit` is since the session began, `drawdown_pct` below its highest."""

    currency: str
    cash: Decimal
    equity: Decimal
    day_profit: Decimal
    drawdown_pct: Decimal
    mode: str


class InstrumentView(msgspec.Struct, frozen=True, kw_only=True):
    """What may be traded, and the smallest steps of its price and quantity."""

    symbol: str
    tick_size: Decimal
    lot: Decimal
    currency: str
    calendar: str
    venue: str


def instrument_view(instrument: Instrument) -> InstrumentView:
    """An instrument as it is shown."""
    return InstrumentView(**{name: getattr(instrument, name) for name in InstrumentView.__struct_fields__})


class PriceView(msgspec.Struct, frozen=True, kw_only=True):
    """The last price of a symbol."""

    symbol: str
    price: Decimal
    ts_ns: int


class KillSwitchView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether new entries are taken (`armed`), else what was done about it, by whom, why and when."""

    armed: bool
    action: KillAction | None = None
    actor: str = ""
    reason: str = ""
    since_ns: int = 0


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """`reasons` say what is wrong; none: healthy."""

    healthy: bool
    reasons: tuple[str, ...] = ()


class Orders(msgspec.Struct, frozen=True):
    """Orders, the newest first."""

    orders: tuple[OrderView, ...]


class Fills(msgspec.Struct, frozen=True):
    """Fills, the oldest first."""

    fills: tuple[FillView, ...]


class Positions(msgspec.Struct, frozen=True):
    """What is held."""

    positions: tuple[PositionView, ...]


class Instruments(msgspec.Struct, frozen=True):
    """What may be traded."""

    instruments: tuple[InstrumentView, ...]


class Bars(msgspec.Struct, frozen=True):
    """Closed bars, the oldest first."""

    bars: tuple[BarClosed, ...]


class Events(msgspec.Struct, frozen=True):
    """Events in order; there are more when the last one's seq is below `last_seq`."""

    events: tuple[Event, ...]
    last_seq: int


class TicketView(msgspec.Struct, frozen=True):
    """A ticket for the stream, good once and for so many seconds."""

    ticket: str
    expires_in_s: int
