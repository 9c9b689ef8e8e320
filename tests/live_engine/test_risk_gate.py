"""Risk before every order, by hand or of a strategy, through restarts."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.api.desk import Denied, Placed
from live_engine.events import (
    BarClosed,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderSubmitted,
)
from tests.live_engine.trading_floor import ATR, SMA, UP, bars, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.trading_floor import Trading


@pytest.mark.parametrize(
    ("order", "risk", "rule"),
    [
        (("buy", "5", "limit", "9.995"), {}, "shape"),
        (("buy", "0.5", "market", None), {}, "shape"),
        (("buy", "11", "market", None), {"max_order_quantity": "10"}, "order_quantity"),
        (("buy", "10", "market", None), {"max_order_notional": "99"}, "order_notional"),
        (("buy", "10", "limit", "11.00"), {}, "price_collar"),
        (("buy", "11", "market", None), {"max_position_quantity": "10"}, "position_quantity"),
        (("buy", "10", "market", None), {"max_gross_exposure": "0.009"}, "gross_exposure"),
        (("buy", "10", "market", None), {"hours": "09:30-10:00", "timezone": "UTC"}, "hours"),
        (("buy", "10", "market", None), {"symbols": ["B"]}, "symbol"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_an_order_that_a_rule_denies_is_not_sent(
    journal: Path, order: tuple[str, str, str, str | None], risk: dict[str, Any], rule: str
) -> None:
    side, quantity, kind, limit = order

    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        outcome = await floor.place("o1", side, quantity, kind, **({"limit_price": limit} if limit else {}))
        assert isinstance(outcome, Denied)
        assert (outcome.rule, bool(outcome.hint)) == (rule, True)
        assert floor.bodies(OrderSubmitted) == []
        told = floor.bodies(OrderDenied)
        assert [one.rule for one in told] == ([] if rule == "shape" else [rule])

    run(journal, act, risk=risk)


def test_a_price_that_is_old_or_was_never_heard_denies_entries(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        unheard = await floor.place("o1", "buy", "1")
        await floor.tick("A", "10.00")
        await floor.tick("B", "10.00", after_s=121)
        old = await floor.place("o2", "buy", "1")
        assert [isinstance(one, Denied) and one.rule for one in (unheard, old)] == ["stale_price"] * 2

    async def after_a_restart(floor: Trading) -> None:
        outcome = await floor.place("o3", "buy", "1")
        assert isinstance(outcome, Denied)

    run(journal, act)
    run(journal, after_a_restart)


def test_too_many_orders_in_a_second_are_denied_also_those_on_their_way(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        asked = [floor.place(f"o{one}", "buy", str(one)) for one in range(1, 8)]
        outcomes = await asyncio.gather(*asked)
        assert [type(one) for one in outcomes] == [Placed] * 3 + [Denied] * 4
        await floor.tick("A", "10.00", after_s=2)
        assert isinstance(await floor.place("o9", "buy", "9"), Placed)

    run(journal, act, risk={"max_orders_per_second": 3})


def test_a_strategys_order_is_judged_when_it_is_decided(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        for bar in bars(*UP):
            await floor.bar(bar)
        denied = floor.bodies(OrderDenied)
        assert [one.rule for one in denied] == ["order_quantity"]
        assert [one.strategy for one in floor.bodies(OrderIntent)] == ["sma_cross"]
        assert floor.bodies(OrderFilled) == []

    run(journal, act, strategies=[SMA], risk={"max_order_quantity": "10"})


@pytest.mark.parametrize(("share", "rules"), [("1.3", []), ("0.9", ["position_quantity"])])
def test_a_strategys_order_is_not_counted_beside_itself(journal: Path, share: str, rules: list[str]) -> None:
    asked: list[Decimal] = []

    async def look(floor: Trading) -> None:
        for bar in bars(*UP):
            await floor.bar(bar)
        asked.extend(one.quantity for one in floor.bodies(OrderIntent))

    async def judged(floor: Trading) -> None:
        for bar in bars(*UP):
            await floor.bar(bar)
        assert [one.rule for one in floor.bodies(OrderDenied)] == rules
        assert bool(floor.bodies(OrderFilled)) is not bool(rules)

    run(journal.with_name("wide.sqlite"), look, strategies=[SMA])
    limit = str(asked[0] * Decimal(share))
    run(journal, judged, strategies=[SMA], risk={"max_position_quantity": limit})


@pytest.mark.parametrize("limit", ["10", "1e9"])
@pytest.mark.parametrize("strategy", [SMA, ATR], ids=["targets", "orders"])
def test_a_restart_after_every_other_bar_denies_what_was_denied_and_no_more(
    journal: Path, limit: str, strategy: dict[str, Any]
) -> None:
    chart = [10 + (number * 7 % 13) * (0.1 + number % 5 / 10) for number in range(30)]
    keys: dict[str, Any] = {"strategies": [strategy], "risk": {"max_order_quantity": limit}}
    whole = journal.with_name("whole.sqlite")

    async def at_once(floor: Trading) -> None:
        for bar in bars(*chart):
            await floor.bar(bar)

    async def two_bars(floor: Trading) -> None:
        number = len(floor.bodies(BarClosed))
        for bar in bars(*chart[number : number + 2], first=number):
            await floor.bar(bar)

    run(whole, at_once, **keys)
    for _ in chart[::2]:
        run(journal, two_bars, **keys)
    told: list[list[Any]] = []

    async def read(floor: Trading) -> None:
        told.append(floor.bodies())

    run(whole, read, **keys)
    run(journal, read, **keys)
    assert told[0] == told[1]
    assert any(isinstance(body, OrderDenied) for body in told[0]) == (limit == "10")
