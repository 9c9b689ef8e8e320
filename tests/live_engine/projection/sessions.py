"""A day of trading as a journal holds it, made from a seed: everything a venue may say, in any order and twice."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine import events
from live_engine.journal.writer import Journal
from tests.live_engine.orders import order_events as make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from live_engine.events import AnyBody, Event

SYMBOLS = ("AAPL", "BTC/USD", "x'); DROP TABLE live_orders; --")
BEGIN_NS = 1_700_000_000_123_456_789
MINUTE_NS = 60_000_000_000
REPLACING: tuple[Callable[[str], AnyBody], ...] = (make.replaced, make.replace_rejected)
ENDS: tuple[Callable[[str], AnyBody], ...] = (make.canceled, make.expired, make.rejected)


def bodies(seed: int, bars: int) -> Iterator[list[AnyBody]]:
    """What each closed bar brought: one append."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    orders: dict[str, events.OrderIntent] = {}
    fills: list[events.OrderFilled] = []
    for number in range(bars):
        told: list[AnyBody] = [*_market(chance, number)]
        for _ in range(chance.randrange(4)):
            told += _order(chance, f"o{len(orders)}", orders)
        for _ in range(chance.randrange(8) if orders else 0):
            told += _word(chance, number, orders, fills)
        told.append(events.AccountMarked(cash=Decimal(number) / 7, equity=Decimal(10_000 + number), day="2023-11-14"))
        yield told


def write(path: Path, seed: int, bars: int) -> list[Event]:
    """A journal of such a session, whole."""
    wall = [BEGIN_NS]
    written: list[Event] = []
    with Journal(path, wall_ns=lambda: wall[0]) as journal:
        for told in bodies(seed, bars):
            wall[0] += MINUTE_NS
            written += journal.append(told).result()
    return written


def _market(chance: random.Random, number: int) -> Iterator[AnyBody]:
    for symbol in SYMBOLS:
        price = Decimal(chance.randrange(9_000, 11_000)) / 100
        ts_ns = BEGIN_NS + number * MINUTE_NS
        yield events.BarClosed(
            symbol=symbol, timeframe="1m", ts_ns=ts_ns, open=price, high=price + 1, low=price - 1, close=price,
            volume=Decimal("0.10"),
        )  # fmt: skip
    if not number % 5:
        yield events.LateTick(symbol=SYMBOLS[0], ts_ns=ts_ns - 1, price=price, size=Decimal("1E-8"))
        yield events.Decided(strategy="s", symbol=SYMBOLS[0], bar_ns=1, target=0.5, price=price)
        yield events.HealthChanged(reasons=("a NUL \0 of somebody's",))


def _order(chance: random.Random, name: str, orders: dict[str, events.OrderIntent]) -> Iterator[AnyBody]:
    old = orders[chance.choice([*orders])] if orders and chance.random() < 0.2 else None
    orders[name] = events.OrderIntent(
        client_order_id=name,
        symbol=old.symbol if old else chance.choice(SYMBOLS),
        side=old.side if old else chance.choice(["buy", "sell"]),
        order_type=chance.choice(["market", "limit", "trailing_stop"]),
        quantity=Decimal(chance.randrange(1, 40)) / 8,
        limit_price=Decimal("100.10"),
        trail=Decimal(2),
        decision_price=Decimal("100.00000000000000000001"),
        replaces=old.client_order_id if old else "",
        parent=chance.choice([*orders]) if orders and not old and chance.random() < 0.1 else "",
        group=chance.choice(["", "g"]),
        strategy="sma_cross",
    )
    if chance.random() < 0.1:  # a venue that is faster than we write
        yield make.fill(name, "early", "0.125", "99.99")
    yield orders[name]
    yield make.submitted(name)


def _word(
    chance: random.Random, number: int, orders: dict[str, events.OrderIntent], fills: list[events.OrderFilled]
) -> Iterator[AnyBody]:
    """A venue's word about an order, mostly one of the last."""
    names = [*orders]
    name = chance.choice(names if chance.random() < 0.2 else names[-6:])
    kind = chance.random()
    if kind < 0.45:
        fee = Decimal(chance.randrange(3)) / 1_000
        quantity, price = Decimal(chance.randrange(1, 9)) / 8, Decimal(chance.randrange(9_000, 11_000)) / 100
        fill = events.OrderFilled(
            client_order_id=name, fill_id=f"f{len(fills)}", quantity=quantity, price=price, fee=fee,
            fee_currency=chance.choice(["", "BNB"]), liquidity="taker",
            traded_ns=chance.choice([0, BEGIN_NS + number * MINUTE_NS + 7, 2**63 - 1]),
        )  # fmt: skip
        fills.append(fill)
        yield fill
    elif kind < 0.5 and fills:
        yield chance.choice(fills)
    elif kind < 0.65:
        yield make.accepted(name)
    elif kind < 0.75:
        yield events.CancelRequested(client_order_id=name, actor="trader", reason="a NUL \0 of somebody's")
        yield make.cancel_rejected(name) if chance.random() < 0.5 else make.canceled(name)
    elif kind < 0.82:
        yield make.unknown(name)
    elif kind < 0.9 and orders[name].replaces:
        yield chance.choice(REPLACING)(name)
    else:
        yield chance.choice(ENDS)(name)
