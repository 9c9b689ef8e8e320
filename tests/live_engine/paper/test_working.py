"""What works is kept as sums: after anything that happens they are what a recount gives."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.paper.working import as_shown
from live_engine.risk.view import with_orders
from tests.live_engine.trading_floor import Trading, run

if TYPE_CHECKING:
    from pathlib import Path

LOOSE = {
    "max_orders_per_second": 1_000,
    "max_orders_per_minute": 1_000,
    "max_orders_per_day": 1_000,
    "forbid_self_cross": False,
    "duplicate_window_s": 0,
    "max_price_age_s": 600_000,
}
KINDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("market", {}),
    ("limit", {"limit_price": "99"}),
    ("limit", {"limit_price": "101"}),
    ("stop", {"stop_price": "103"}),
    ("trailing_stop", {"trail": "2"}),
)


def is_right(on: Trading) -> None:
    hand, book = on.floor.hand, on.floor.state.books.hand
    working = {one.client_order_id: one for one in hand.working()}
    assert working == {order.id: as_shown(order) for order in book.open_orders()}
    recount = with_orders({}, working.values())
    assert {symbol: [*map(Decimal, sums)] for symbol, sums in hand.sums().items()} == {
        symbol: [*map(Decimal, sums)] for symbol, sums in recount.items()
    }


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_what_a_recount_gives(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret

    async def act(on: Trading) -> None:
        await on.tick("A", "100")
        await on.tick("B", "100")
        for number in range(40):
            kind, prices = chance.choice(KINDS)
            own, side, symbol = f"o{number}", chance.choice(("buy", "sell")), chance.choice(("A", "B"))
            keys = dict(prices)
            opens = [order for order in on.floor.state.books.hand.open_orders(symbol) if order.intent.side == side]
            if opens and chance.random() < 0.3:
                keys["replaces"] = chance.choice(opens).id
            await on.place(own, side, str(chance.randrange(1, 9)), kind, symbol=symbol, **keys)
            is_right(on)
            if chance.random() < 0.3:
                await on.office.cancel(f"o{chance.randrange(number + 1)}", "me")
                await on.floor.settled()
                is_right(on)
            if chance.random() < 0.4:
                await on.tick(symbol, str(chance.randrange(97, 104)))
                is_right(on)

    run(tmp_path / "live.sqlite", act, risk=LOOSE)
    run(tmp_path / "live.sqlite", restarted, risk=LOOSE)


async def restarted(on: Trading) -> None:
    """A start counts what it finds."""
    is_right(on)


def test_an_order_on_its_way_to_the_device_counts(tmp_path: Path) -> None:
    async def act(on: Trading) -> None:
        await on.tick("A", "100")
        placing = on.place("o1", "buy", "7", "limit", limit_price="90")
        placing.send(None)
        assert on.floor.hand.sums()["A"].buys == 7
        placing.close()
        await on.floor.settled()
        is_right(on)

    run(tmp_path / "live.sqlite", act, risk=LOOSE)
