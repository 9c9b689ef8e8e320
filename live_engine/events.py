"""What the live engine writes down: one typed body for everything that happens, in an envelope that says when and why.

The state of the engine is the fold of these events, and the data platform learns what happened from nothing else. The
`type` of a body is the name of its class; `v` is the version of its shape, raised when a reader of the old one would
err. Numbers are decimals (strings in JSON), moments are nanoseconds of UTC. States and kinds have the names of FIX
OrdStatus (tag 39) and ExecType (tag 150), with INTENT, SUBMITTED and UNKNOWN of our own.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

Side = Literal["buy", "sell"]
OrderType = Literal["market", "limit", "stop", "stop_limit", "trailing_stop"]
TimeInForce = Literal["day", "gtc", "ioc", "fok"]
Liquidity = Literal["maker", "taker", ""]
KillAction = Literal["halt", "cancel-all", "flatten"]


class Body(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag=True, omit_defaults=True):
    """What happened."""

    v: int = 1


class EngineStarted(Body, frozen=True, tag=True):
    """The process is up and its state restored; `restored_seq` is the last event that it was restored from."""

    program: str
    restored_seq: int
    mode: str = "paper"


class EngineStopped(Body, frozen=True, tag=True):
    """An orderly end."""

    reason: str


class OrderIntent(Body, frozen=True, tag=True):
    """An order is wanted; nothing has been sent yet.

    `parent` is the order whose fill brings this one to life, `group` joins orders that cancel each other, `replaces` is
    the order whose place this one takes (FIX OrigClOrdID). `trail` is a distance in price. `decision_price` is the last
    price when it was decided on, `strategy` empty for an order of a person's. `currency` is the one that the symbol is
    quoted in: cash is folded from the journal alone, whatever a configuration says later.
    """

    client_order_id: str
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    time_in_force: TimeInForce = "day"
    reduce_only: bool = False
    parent: str = ""
    group: str = ""
    replaces: str = ""
    strategy: str = ""
    actor: str = ""
    decision_price: Decimal | None = None
    currency: str = "USD"


class OrderDenied(Body, frozen=True, tag=True):
    """Our own risk rules kept the order from being sent."""

    client_order_id: str
    rule: str
    reason: str


class OrderSubmitted(Body, frozen=True, tag=True):
    """The order goes to the venue now; from here on its fate is known by the venue's word alone."""

    client_order_id: str
    venue: str


class OrderAccepted(Body, frozen=True, tag=True):
    """The venue has it (ExecType New); `venue_order_id` is what the venue calls it."""

    client_order_id: str
    venue_order_id: str = ""


class OrderRejected(Body, frozen=True, tag=True):
    """The venue refused it for certain."""

    client_order_id: str
    reason: str


class OrderUnknown(Body, frozen=True, tag=True):
    """No answer, a broken connection or a server's error: it may work there or not."""

    client_order_id: str
    reason: str


class OrderTriggered(Body, frozen=True, tag=True):
    """A stop was reached, or an order that waited for its parent came to life.

    `price` is the one that did it. `quantity` is set where an order comes to life, or lives on unsent with another
    size: as much of it as its parent has filled and its siblings have not.
    """

    client_order_id: str
    price: Decimal | None = None
    quantity: Decimal | None = None


class OrderTrailed(Body, frozen=True, tag=True):
    """The stop of a trailing order that we emulate has moved."""

    client_order_id: str
    stop_price: Decimal


class OrderFilled(Body, frozen=True, tag=True):
    """A trade (ExecType Trade); `fill_id` is unique within the order, `late` when it came after the order's end.

    `fee` is paid in `fee_currency`, or in the order's own when that is empty.
    """

    client_order_id: str
    fill_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal = Decimal(0)
    fee_currency: str = ""
    liquidity: Liquidity = ""
    traded_ns: int = 0
    late: bool = False


class CancelRequested(Body, frozen=True, tag=True):
    """Somebody wants it gone (OrdStatus PendingCancel)."""

    client_order_id: str
    actor: str = ""
    reason: str = ""


class CancelRejected(Body, frozen=True, tag=True):
    """The venue did not cancel it; it stands as before."""

    client_order_id: str
    reason: str


class OrderCanceled(Body, frozen=True, tag=True):
    """It works no more; what had filled stays filled."""

    client_order_id: str
    reason: str = ""


class OrderExpired(Body, frozen=True, tag=True):
    """Its time in force is over."""

    client_order_id: str
    reason: str = ""


class ReplaceRejected(Body, frozen=True, tag=True):
    """The venue kept the old order; `client_order_id` names the new one."""

    client_order_id: str
    reason: str


class OrderReplaced(Body, frozen=True, tag=True):
    """The new order stands in the old one's place; `client_order_id` names the new one."""

    client_order_id: str
    venue_order_id: str = ""


class KillSwitchSet(Body, frozen=True, tag=True):
    """No new entries from here on; with `cancel-all` every order goes too, with `flatten` every position as well.

    `nonce` names the kill file that asked for it, so that the file counts once; empty when it came another way.
    """

    action: KillAction
    actor: str
    reason: str
    nonce: str = ""


class KillSwitchRearmed(Body, frozen=True, tag=True):
    """A person allowed trading again; `nonce` as in KillSwitchSet."""

    actor: str
    reason: str = ""
    nonce: str = ""


class StrategyStarted(Body, frozen=True, tag=True):
    """A strategy decides on a symbol from now on, warmed up by so many bars.

    `settings` are the money, costs and instrument that its orders depend on, so that a reader can trade its bars again;
    journals of before they were written have none.
    """

    strategy: str
    symbol: str
    params: dict[str, float]
    warm_up_bars: int
    settings: dict[str, float | str] = {}


class StrategyStopped(Body, frozen=True, tag=True):
    """It decides no more; `error` tells what it raised, empty when it was told to stop."""

    strategy: str
    symbol: str
    error: str = ""


class Decided(Body, frozen=True, tag=True):
    """What a strategy wanted after a closed bar, when that changed: a target from -1 to 1."""

    strategy: str
    symbol: str
    bar_ns: int
    target: float
    price: Decimal


class BarClosed(Body, frozen=True, tag=True):
    """A bar that strategies have seen, `ts_ns` its start; with `strategy` it only warmed that one up, untraded."""

    symbol: str
    timeframe: str
    ts_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    strategy: str = ""


class LateTick(Body, frozen=True, tag=True):
    """A trade of a bar that was closed already; the bar stays as strategies saw it."""

    symbol: str
    ts_ns: int
    price: Decimal
    size: Decimal


class StreamConnected(Body, frozen=True, tag=True):
    """A stream of prices delivers."""

    stream: str


class StreamStale(Body, frozen=True, tag=True):
    """A stream has been silent for longer than it may."""

    stream: str
    age_s: float


class StreamGap(Body, frozen=True, tag=True):
    """Prices of a time are missing: a request to fetch them again."""

    stream: str
    symbol: str
    from_ns: int
    to_ns: int


class AccountMarked(Body, frozen=True, tag=True):
    """The account at the last prices: what equity, drawdown and daily loss are reckoned from.

    `market_ns` is the last price's own time (UTC), which a restart goes on from.
    """

    cash: Decimal
    equity: Decimal
    day: str
    market_ns: int = 0


class Audited(Body, frozen=True, tag=True):
    """A call that may change something, written down before it acts."""

    actor: str
    role: str
    action: str
    target: str = ""
    address: str = ""


class HealthChanged(Body, frozen=True, tag=True):
    """The engine's health, when it changes; no reasons: good."""

    reasons: tuple[str, ...] = ()


AnyBody = (
    EngineStarted
    | EngineStopped
    | OrderIntent
    | OrderDenied
    | OrderSubmitted
    | OrderAccepted
    | OrderRejected
    | OrderUnknown
    | OrderTriggered
    | OrderTrailed
    | OrderFilled
    | CancelRequested
    | CancelRejected
    | OrderCanceled
    | OrderExpired
    | ReplaceRejected
    | OrderReplaced
    | KillSwitchSet
    | KillSwitchRearmed
    | StrategyStarted
    | StrategyStopped
    | Decided
    | BarClosed
    | LateTick
    | StreamConnected
    | StreamStale
    | StreamGap
    | AccountMarked
    | Audited
    | HealthChanged
)


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A body in its envelope: `seq` rises by one, `cause` is the seq of what led to it (0: nothing did).

    `wall_ns` is UTC and may step back, `mono_ns` is this boot's monotonic clock; `flow` joins all that came of one call
    or one bar.
    """

    seq: int
    wall_ns: int
    mono_ns: int
    body: AnyBody
    cause: int = 0
    flow: str = ""


encoder = msgspec.json.Encoder(decimal_format="string", order="deterministic")
decoder = msgspec.json.Decoder(AnyBody)


def type_of(body: Body) -> str:
    """The name that a body carries in its `type`."""
    return type(body).__name__
