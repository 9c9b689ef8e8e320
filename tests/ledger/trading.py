"""Journals of much trading: fills twice, late, before their orders; replacements, denials, shorts, three currencies."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine import events
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START_NS = 1_735_689_600_000_000_000  # 2025-01-01
DAY_NS = 86_400_000_000_000
SYMBOLS = (("ACME", "USD"), ("BAYER", "EUR"), ("BTC/USD", "USD"))
STRATEGIES = ("", "sma_cross", "donchian_breakout")


def bodies(seed: int, orders: int, *, start: int = 0) -> Iterator[list[events.AnyBody]]:
    """Appends that belong together; the same seed gives the same."""
    chance = random.Random(seed)  # noqa: S311 - trades, not secrets
    late: list[events.AnyBody] = []
    (symbol, currency), strategy = SYMBOLS[0], STRATEGIES[0]
    for number in range(start, start + orders):
        name, replaces = f"o-{seed}-{number}", number > start and chance.random() < 0.2
        if not replaces:  # what takes an order's place is of the same strategy and symbol
            (symbol, currency), strategy = chance.choice(SYMBOLS), chance.choice(STRATEGIES)
        intent = events.OrderIntent(
            client_order_id=name,
            symbol=symbol,
            side=chance.choice(("buy", "sell")),
            order_type="market",
            quantity=Decimal(chance.randint(1, 9_000)) / 7,
            strategy=strategy,
            currency=currency,
            replaces=f"o-{seed}-{number - 1}" if replaces else "",
        )
        yield from _lived(chance, intent, late)
        if late and chance.random() < 0.3:
            yield [late.pop(chance.randrange(len(late)))]
    if late:
        yield late


def _lived(
    chance: random.Random, intent: events.OrderIntent, late: list[events.AnyBody]
) -> Iterator[list[events.AnyBody]]:
    name, fills = intent.client_order_id, _fills(chance, intent)
    if chance.random() < 0.1:
        yield [fills[0]]  # before anybody knows the order
    if chance.random() < 0.05:
        yield [intent, events.OrderDenied(client_order_id=name, rule="price", reason="too far")]
        return
    yield [intent, events.OrderSubmitted(client_order_id=name, venue="paper")]
    if intent.replaces and chance.random() < 0.7:
        yield [events.OrderReplaced(client_order_id=name)]
    else:
        yield [events.OrderAccepted(client_order_id=name, venue_order_id=f"v-{name}")]
    for fill in fills:
        yield [fill]
        if chance.random() < 0.2:
            late.append(fill)
    if chance.random() < 0.3:
        yield [events.CancelRequested(client_order_id=name), events.OrderCanceled(client_order_id=name)]
        if chance.random() < 0.3:
            late.append(events.OrderFilled(client_order_id=name, fill_id="late", quantity=Decimal(1), price=Decimal(9)))
    yield [
        events.BarClosed(
            symbol=intent.symbol,
            timeframe="1d",
            ts_ns=START_NS,
            open=Decimal(1),
            high=Decimal(1),
            low=Decimal(1),
            close=Decimal(1),
            volume=Decimal(1),
        )
    ]


def _fills(chance: random.Random, intent: events.OrderIntent) -> list[events.OrderFilled]:
    return [
        events.OrderFilled(
            client_order_id=intent.client_order_id,
            fill_id=str(part),
            quantity=intent.quantity / 3,
            price=Decimal(chance.randint(1, 100_000)) / chance.choice((100, 3, 7)),
            fee=Decimal(chance.randint(0, 3)) / 8,
            fee_currency=chance.choice(("", "", "BNB")),
            traded_ns=START_NS + chance.randint(0, 40) * DAY_NS if chance.random() < 0.5 else 0,
        )
        for part in range(chance.randint(1, 3))
    ]


class Ticking:
    """A wall clock that goes on by three hours at each look."""

    def __init__(self, ns: int = START_NS) -> None:
        self.ns = ns

    def __call__(self) -> int:
        """The next look."""
        self.ns += DAY_NS // 8
        return self.ns


def write(path: Path, seed: int, orders: int, *, start: int = 0) -> int:
    """Append trading to a journal; its last seq."""
    with Journal(path, wall_ns=Ticking(START_NS + start * DAY_NS)) as journal:
        for append in bodies(seed, orders, start=start):
            journal.append(append)
        journal.append([events.HealthChanged()]).result()
        return journal.last_seq
