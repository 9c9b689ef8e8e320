"""Risk before every order, by hand or of a strategy, and the kill switch in its three strengths, through restarts."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.api.desk import Denied, Placed
from live_engine.events import (
    BarClosed,
    KillAction,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderSubmitted,
    StrategyStopped,
)
from tests.live_engine.trading_floor import DAY_NS, NOON_NS, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.trading_floor import Trading

SMA = {"name": "sma_cross", "symbol": "A", "params": {"fast": 2, "slow": 3}}
ATR = {"name": "atr_breakout", "symbol": "A", "params": {}}


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where the journal lies."""
    return tmp_path / "live.sqlite"


def bars(*closes: float, first: int = 0) -> list[BarClosed]:
    """Days that open where the day before closed."""
    found = []
    for number, close in enumerate(closes, start=first):
        price, ts_ns = Decimal(str(close)), (NOON_NS // DAY_NS + number) * DAY_NS
        found.append(
            BarClosed(
                symbol="A",
                timeframe="1d",
                ts_ns=ts_ns,
                open=price,
                high=price + 1,
                low=price - 1,
                close=price,
                volume=Decimal(1_000),
            )
        )
    return found


UP = (12, 11, 10, 9, 10, 12, 14, 15)


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


@pytest.mark.parametrize("limit", ["10", "1e9"])
@pytest.mark.parametrize("strategy", [SMA, ATR], ids=["targets", "orders"])
def test_a_restart_at_any_bar_denies_what_was_denied_and_no_more(
    journal: Path, limit: str, strategy: dict[str, Any]
) -> None:
    chart = [10 + (number * 7 % 13) * (0.1 + number % 5 / 10) for number in range(60)]
    keys: dict[str, Any] = {"strategies": [strategy], "risk": {"max_order_quantity": limit}}
    whole = journal.with_name("whole.sqlite")

    async def at_once(floor: Trading) -> None:
        for bar in bars(*chart):
            await floor.bar(bar)

    async def one_bar(floor: Trading) -> None:
        number = len(floor.bodies(BarClosed))
        await floor.bar(bars(chart[number], first=number)[0])

    run(whole, at_once, **keys)
    for _ in chart:
        run(journal, one_bar, **keys)
    told: list[list[Any]] = []

    async def read(floor: Trading) -> None:
        told.append(floor.bodies())

    run(whole, read, **keys)
    run(journal, read, **keys)
    assert told[0] == told[1]
    assert any(isinstance(body, OrderDenied) for body in told[0]) == (limit == "10")


@pytest.mark.parametrize(("action", "left"), [("halt", True), ("cancel-all", True), ("flatten", False)])
def test_the_kill_switch_keeps_a_strategy_from_entering_and_only_flatten_takes_its_position(
    journal: Path, action: KillAction, *, left: bool
) -> None:
    async def hold(floor: Trading) -> None:
        for bar in bars(*UP):
            await floor.bar(bar)
        (desk,) = floor.floor.state.broker.desks.values()
        assert desk.account.position > 0
        await floor.office.set_kill_switch(action, actor="me", reason="test")
        await floor.bar(bars(16, first=len(UP))[0])
        assert (desk.account.position > 0) == left

    async def after_a_restart(floor: Trading) -> None:
        (desk,) = floor.floor.state.broker.desks.values()
        assert (desk.account.position > 0) == left
        for bar in bars(13, 10, 8, 7, 6, 7, 9, 11, 12, first=len(UP) + 1):
            await floor.bar(bar)
        assert desk.account.position == 0
        sides = [one.side for one in floor.bodies(OrderIntent) if one.client_order_id not in _denied(floor)]
        assert sides == ["buy", "sell"]
        assert bool(_denied(floor)) is True
        await floor.office.rearm(actor="me")
        for bar in bars(10, 8, 7, 9, 12, 14, 15, first=len(UP) + 10):
            await floor.bar(bar)
        assert desk.account.position > 0
        assert floor.bodies(StrategyStopped) == []

    run(journal, hold, strategies=[SMA | {"direction": "long"}])
    run(journal, after_a_restart, strategies=[SMA | {"direction": "long"}])
    run(journal, _nothing_is_owed, strategies=[SMA | {"direction": "long"}])


def _denied(floor: Trading) -> set[str]:
    return {one.client_order_id for one in floor.bodies(OrderDenied)}


async def _nothing_is_owed(floor: Trading) -> None:
    assert floor.floor.state.lacking == []
    assert floor.bodies(StrategyStopped) == []


def test_cancel_all_ends_the_working_orders_of_strategies_too(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        number = 0
        while not floor.floor.state.books.strategies.open_orders():
            await floor.bar(bars(10 + number % 3, first=number)[0])
            number += 1
        await floor.office.set_kill_switch("cancel-all", actor="me", reason="test")
        assert floor.floor.state.books.strategies.open_orders() == ()
        (desk,) = floor.floor.state.broker.desks.values()
        assert desk.account.orders() == []

    run(journal, act, strategies=[ATR])
    run(journal, _nothing_is_owed, strategies=[ATR])


def test_an_order_of_a_strategy_can_be_cancelled_by_hand(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        number = 0
        while not floor.floor.state.books.strategies.open_orders():
            await floor.bar(bars(10 + number % 3, first=number)[0])
            number += 1
        order = floor.floor.state.books.strategies.open_orders()[0]
        found = await floor.office.cancel(order.id, "me")
        assert found is not None
        assert found.status.name == "CANCELED"
        await floor.bar(bars(11, first=number)[0])

    run(journal, act, strategies=[ATR])
    run(journal, _nothing_is_owed, strategies=[ATR])


def test_flatten_ends_orders_by_hand_and_closes_what_they_opened_once(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.tick("B", "20.00")
        await floor.place("long", "buy", "5")
        await floor.place("short", "sell", "2", symbol="B")
        await floor.place("rest", "buy", "5", "limit", limit_price="9.00")
        await floor.tick("A", "10.00")
        await floor.tick("B", "20.00")
        await floor.office.set_kill_switch("flatten", actor="me", reason="test")
        await floor.floor.settled()
        assert floor.status("rest") == "CANCELED"
        closes = [one for one in floor.bodies(OrderIntent) if one.client_order_id.startswith("flatten")]
        assert sorted((one.symbol, one.side, one.quantity) for one in closes) == [("A", "sell", 5), ("B", "buy", 2)]

    async def after_a_restart(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.tick("B", "20.00")
        assert [floor.held("A"), floor.held("B")] == [Decimal(0)] * 2
        assert len([one for one in floor.bodies(OrderIntent) if one.client_order_id.startswith("flatten")]) == 2
        entry = await floor.place("again", "buy", "1")
        assert isinstance(entry, Denied)
        await floor.office.rearm(actor="me")
        assert isinstance(await floor.place("later", "buy", "1"), Placed)

    run(journal, act)
    run(journal, after_a_restart)


def test_a_loss_beyond_the_limit_throws_the_switch_by_itself_and_a_person_takes_it_back(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("o1", "buy", "500")
        await floor.tick("A", "10.00")
        await floor.tick("A", "9.00", after_s=61)
        assert floor.bodies(KillSwitchSet) == []
        await floor.tick("A", "8.90", after_s=61)
        (thrown,) = floor.bodies(KillSwitchSet)
        assert (thrown.action, thrown.actor) == ("flatten", "risk")
        await floor.tick("A", "8.90")
        assert floor.held() == 0
        await floor.tick("A", "8.90", after_s=61)
        assert len(floor.bodies(KillSwitchSet)) == 1
        await floor.office.rearm(actor="me")
        assert isinstance(await floor.place("o2", "buy", "1"), Placed)
        await floor.tick("A", "8.90", after_s=61)
        assert len(floor.bodies(KillSwitchSet)) == 1
        assert len(floor.bodies(KillSwitchRearmed)) == 1

    run(journal, act, risk={"max_daily_loss": "500", "loss_action": "flatten"})
