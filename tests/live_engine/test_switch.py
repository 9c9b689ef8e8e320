"""The kill switch in its three strengths: what it ends, what it keeps from beginning, through restarts."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.api.desk import Denied, Placed
from live_engine.events import (
    KillAction,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderDenied,
    OrderIntent,
    StrategyStopped,
)
from tests.live_engine.trading_floor import ATR, SMA, UP, bars, run

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.trading_floor import Trading


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


def test_after_cancel_all_an_exit_by_hand_still_works(journal: Path) -> None:
    async def act(floor: Trading) -> None:
        await floor.tick("A", "10.00")
        await floor.place("long", "buy", "5")
        await floor.tick("A", "10.00")
        await floor.place("before", "sell", "5", "limit", limit_price="11.00", reduce_only=True)
        await floor.office.set_kill_switch("cancel-all", actor="me", reason="test")
        await floor.floor.settled()
        await floor.tick("A", "10.00")
        assert floor.status("before") == "CANCELED"
        assert isinstance(
            await floor.place("after", "sell", "5", "limit", limit_price="11.00", reduce_only=True), Placed
        )
        assert floor.status("after") == "NEW"

    async def after_a_restart(floor: Trading) -> None:
        await floor.tick("A", "11.00")
        assert (floor.status("after"), floor.held()) == ("FILLED", Decimal(0))

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
