"""What the API takes: shapes that refuse unknown fields, and numbers only as plain decimals in strings.

A number is matched before it is turned into a decimal: no exponent, sign or name of what is no number gets that far,
nor one of four hundred digits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

import msgspec

from live_engine.events import OrderIntent, OrderType, Side, TimeInForce
from live_engine.orders.validate import KNOWN_ID, MAX_PLACES, MAX_WHOLE, NEW_ID

END = r"(?!\n)$"  # in Python, $ alone would let a line break follow
Number = Annotated[
    str,
    msgspec.Meta(
        pattern=rf"^(0|[1-9][0-9]{{0,{MAX_WHOLE - 1}}})(\.[0-9]{{1,{MAX_PLACES}}})?{END}",
        description="a plain decimal in a string",
        examples=["12.50"],
    ),
]
NewId = Annotated[str, msgspec.Meta(pattern=f"^{NEW_ID.pattern}{END}")]
KnownId = Annotated[str, msgspec.Meta(pattern=f"^({KNOWN_ID.pattern}|){END}", description='"" for none')]
Name = Annotated[str, msgspec.Meta(pattern=f"^({NEW_ID.pattern}|){END}", description='"" for none')]
SYMBOL = r"[A-Za-z0-9._/:^=-]"
Symbol = Annotated[str, msgspec.Meta(pattern=rf"^{SYMBOL}{{1,32}}{END}")]
AnySymbol = Annotated[str, msgspec.Meta(pattern=rf"^{SYMBOL}{{0,32}}{END}", description='"" for all')]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1_000)]
Seq = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class OrderRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new order. `trail` is the distance in price that a trailing stop keeps.

    `parent` is the order whose fill brings this one to life, orders of a `group` cancel each other, `replaces` is the
    order whose place this one takes.
    """

    client_order_id: NewId
    symbol: Symbol
    side: Side
    type: OrderType
    quantity: Number
    limit_price: Number | None = None
    stop_price: Number | None = None
    trail: Number | None = None
    time_in_force: TimeInForce = "day"
    reduce_only: bool = False
    parent: KnownId = ""
    group: Name = ""
    replaces: KnownId = ""


def intent_of(request: OrderRequest, actor: str) -> OrderIntent:
    """The intent that a request stands for."""
    return OrderIntent(
        client_order_id=request.client_order_id,
        symbol=request.symbol,
        side=request.side,
        order_type=request.type,
        quantity=Decimal(request.quantity),
        limit_price=_decimal(request.limit_price),
        stop_price=_decimal(request.stop_price),
        trail=_decimal(request.trail),
        time_in_force=request.time_in_force,
        reduce_only=request.reduce_only,
        parent=request.parent,
        group=request.group,
        replaces=request.replaces,
        actor=actor,
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


class KillRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`halt` takes no new entries, `cancel-all` cancels every order too, `flatten` closes positions as well."""

    action: Literal["halt", "cancel-all", "flatten", "rearm"]
    reason: Annotated[str, msgspec.Meta(max_length=500)] = ""


class OrdersQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which orders."""

    state: Literal["all", "open"] = "all"
    symbol: AnySymbol = ""
    limit: Limit = 200


class FillsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which fills."""

    after: Seq = 0
    symbol: AnySymbol = ""
    limit: Limit = 200


class BarsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which bars."""

    symbol: Symbol
    timeframe: Annotated[str, msgspec.Meta(pattern=rf"^[1-9][0-9]{{0,3}}[smhdw]{END}")] = "1d"
    limit: Limit = 500


class EventsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which events."""

    after: Seq = 0
    limit: Limit = 200


class NoQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""
