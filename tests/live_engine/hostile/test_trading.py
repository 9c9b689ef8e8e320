"""Trading by hand at awkward moments: after a kill, at the turn of a session, with a wrong clock, under odd names."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from live_engine import books
from live_engine.api.desk import Conflicting, Denied, Placed, Repeated
from live_engine.events import KillSwitchSet, OrderIntent
from live_engine.orders.status import OrdStatus
from live_engine.prices import open_stream
from live_engine.settings import LiveSettings
from live_engine.streams.stream import Tick
from tests.live_engine.hostile.floors import Clocks, order, trading

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from live_engine.api.desk import Update
    from tests.live_engine.hostile.floors import Trading

WIDE = {
    "max_order_quantity": "1e9",
    "max_order_notional": "1e12",
    "max_position_quantity": "1e9",
    "max_position_notional": "1e12",
    "max_gross_exposure": "1e6",
}
DAY_S = 86_400


def settings(**keys: Any) -> LiveSettings:  # noqa: ANN401 - whatever [live] takes
    """[live] of two symbols; `risk` over limits that hold nothing up but losses."""
    risk = WIDE | keys.pop("risk", {})
    plain = {"symbols": ["A", "B"], "port": 0, "prices": "simulated", "hand": {"fee_bps": 0.0, "slippage_bps": 0.0}}
    return msgspec.convert({**plain, "risk": risk, **keys}, LiveSettings, strict=False)


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(coroutine, 60))


async def placed(engine: Trading, intent: OrderIntent) -> None:
    outcome = await engine.office.place(intent)
    assert isinstance(outcome, Placed), outcome
    await engine.settled()


async def status(engine: Trading, name: str) -> OrdStatus:
    found = await engine.office.order(name)
    assert found is not None
    return found.status


def test_a_position_without_a_price_after_a_kill_is_no_loss(tmp_path: Path) -> None:
    async def main() -> None:
        clocks = Clocks()
        async with trading(tmp_path, settings(), clocks) as engine:
            await engine.price("A", "100")
            await engine.price("B", "100")
            await placed(engine, order("b", "B", quantity="30"))
            clocks.pass_s(1)
            await engine.price("B", "100")
            assert await status(engine, "b") is OrdStatus.FILLED
        clocks.pass_s(5)
        async with trading(tmp_path, settings(), clocks) as engine:
            await engine.price("A", "100")  # B has none yet
            assert engine.office.account().equity == Decimal(10_000)
            assert engine.office.kill_switch().armed
            clocks.pass_s(1)
            await engine.price("B", "80")  # a loss of 600, and at most 500 may be
            assert not engine.office.kill_switch().armed
            assert [body.actor for body in engine.bodies if isinstance(body, KillSwitchSet)] == ["risk"]

    run(main())


def test_an_order_good_for_the_day_does_not_fill_at_the_first_price_of_the_next(tmp_path: Path) -> None:
    async def main() -> None:
        clocks = Clocks()
        async with trading(tmp_path, settings(), clocks) as engine:
            for symbol in "AB":
                await engine.price(symbol, "100")
                for tif in ("day", "gtc"):
                    await placed(
                        engine,
                        order(f"{symbol}-{tif}", symbol, order_type="limit", limit="99", time_in_force=tif),
                    )
                    clocks.pass_s(2)
            clocks.pass_s(13 * 3_600)
            await engine.price("A", "90")
            await engine.price("B", "90")
            assert [await status(engine, name) for name in ("A-day", "B-day")] == [OrdStatus.EXPIRED] * 2
            assert [await status(engine, name) for name in ("A-gtc", "B-gtc")] == [OrdStatus.FILLED] * 2

    run(main())


def test_a_wall_clock_that_leapt_ahead_and_was_put_right_holds_no_order_up(tmp_path: Path) -> None:
    async def main() -> None:
        clocks = Clocks()
        async with trading(tmp_path, settings(), clocks) as engine:
            await engine.price("A", "100")
            clocks.wall_ns += DAY_S * 10**9
            await placed(engine, order("ahead", quantity="1"))
            clocks.wall_ns -= DAY_S * 10**9
            for number in range(2, 12):
                clocks.pass_s(10)
                await engine.price("A", "100")
                await placed(engine, order(f"right-{number}", quantity=str(number)))
            assert engine.floor.state.risk.clock.now(clocks.wall_ns) == clocks.wall_ns

    run(main())


def test_a_wall_clock_that_steps_back_loses_no_order_and_lets_no_more_through(tmp_path: Path) -> None:
    async def main() -> None:
        clocks = Clocks()
        async with trading(tmp_path, settings(risk={"max_orders_per_minute": 4}), clocks) as engine:
            await engine.price("A", "100")
            for number in range(1, 5):
                await placed(engine, order(f"o-{number}", quantity=str(number)))
                clocks.wall_ns -= 3_600 * 10**9
                clocks.mono_ns += 10**9
            denied = await engine.office.place(order("o-5", quantity="5"))
            assert isinstance(denied, Denied)
            assert denied.rule == "orders_per_minute"
            await engine.price("A", "100", ts_ns=clocks.wall_ns + 5 * 3_600 * 10**9)
            assert [await status(engine, f"o-{number}") for number in range(1, 5)] == [OrdStatus.FILLED] * 4

    run(main())


def test_a_price_of_yesterday_is_not_fresh_because_the_machine_has_just_been_switched_on(tmp_path: Path) -> None:
    async def main() -> None:
        live = settings(strategies=[{"name": "buy_and_hold", "symbol": "B", "timeframe": "1m"}])
        clocks = Clocks()
        async with trading(tmp_path, live, clocks) as engine:
            for _ in range(8):
                clocks.pass_s(20)
                await engine.price("A", "100")
        clocks.wall_ns += DAY_S * 10**9
        clocks.mono_ns = 30 * 10**9
        async with trading(tmp_path, live, clocks) as engine:
            denied = await engine.office.place(order("late"))
            assert isinstance(denied, Denied)
            assert denied.rule == "stale_price"

    run(main())


def test_made_up_prices_go_on_where_they_were_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        live, clocks = settings(speed=0.0), Clocks()
        heard_ns = clocks.wall_ns + 3_600 * 10**9  # they ran faster than the clock, or it was set back
        stream = open_stream(live, tmp_path, clock=clocks.mono, wall_ns=clocks.wall_ns, heard_ns=heard_ns)
        async with trading(tmp_path, live, clocks) as engine:
            await engine.price("A", "100", ts_ns=heard_ns)
            await placed(engine, order("o"))
            async for update in stream:
                assert isinstance(update, Tick)
                await engine.price(update.symbol, str(update.price), ts_ns=update.ts_ns)
                break
            assert await status(engine, "o") is OrdStatus.FILLED

    run(main())


def test_a_symbol_without_any_price_is_not_entered(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, settings(), Clocks()) as engine:
            await engine.price("A", "100")
            denied = await engine.office.place(order("b", "B"))
            assert isinstance(denied, Denied)
            assert (denied.rule, denied.reason) == ("stale_price", "there is no price of B yet")

    run(main())


@pytest.mark.parametrize("name", ["buy_and_hold-A-{bar}-1", "sma_cross-B-1-1", "flatten-1709553600000000-0"])
def test_nobody_takes_the_id_of_an_order_that_the_engine_will_want(tmp_path: Path, name: str) -> None:
    async def main() -> None:
        live = settings(strategies=[{"name": "buy_and_hold", "symbol": "A", "timeframe": "1m"}])
        clocks = Clocks()
        async with trading(tmp_path, live, clocks) as engine:
            await engine.price("A", "100")
            taken = name.format(bar=clocks.wall_ns // 10**9 // 60 * 60)
            assert isinstance(await engine.office.place(order(taken, quantity="1")), Denied)
            for _ in range(8):
                clocks.pass_s(20)
                await engine.price("A", "100")
            assert "buy_and_hold" in {body.strategy for body in engine.bodies if isinstance(body, OrderIntent)}

    run(main())


@pytest.fixture
def few_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that remembers one closed order of each book."""
    monkeypatch.setattr(books, "KEEP_CLOSED", 1)


@pytest.mark.usefixtures("few_kept")
def test_an_order_that_was_replaced_long_ago_does_not_look_open(tmp_path: Path) -> None:
    async def main() -> None:
        clocks = Clocks()
        async with trading(tmp_path, settings(), clocks) as engine:
            await engine.price("A", "100")
            await placed(engine, order("old", order_type="limit", limit="90"))
            await placed(engine, order("new", order_type="limit", limit="91", replaces="old"))
            await engine.office.cancel("new", "me")
            await forgotten(engine, "old")
            assert await status(engine, "old") is OrdStatus.REPLACED
            found = await engine.office.cancel("old", "me")
            assert found is not None
            assert found.status is OrdStatus.REPLACED

    run(main())


@pytest.mark.usefixtures("few_kept")
def test_an_order_of_long_ago_that_is_sent_again_twice_at_once_is_a_repetition_both_times(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, settings(), Clocks()) as engine:
            await engine.price("A", "100")
            await placed(engine, order("old", quantity="1"))
            await forgotten(engine, "old")
            again = await asyncio.gather(*(engine.office.place(order("old", quantity="1")) for _ in range(3)))
            assert [type(one) for one in again] == [Repeated] * 3
            assert isinstance(await engine.office.place(order("old", quantity="2")), Conflicting)
            assert not engine.floor.state.risk.counted

    run(main())


async def forgotten(engine: Trading, name: str) -> None:
    """Trade until an order is in the journal alone."""
    for number in range(2, 10):
        engine.clocks.pass_s(15)
        await engine.price("A", "100")
        await placed(engine, order(f"more-{number}", quantity=str(number)))
        await engine.price("A", "100")
    assert name not in engine.floor.state.books.hand.orders


def test_an_exit_that_never_came_to_life_is_not_counted_for_ever(tmp_path: Path) -> None:
    async def main() -> None:
        async with trading(tmp_path, settings(), Clocks()) as engine:
            await engine.price("A", "100")
            await placed(engine, order("entry", order_type="limit", limit="90"))
            exits = order("exit", side="sell", order_type="limit", limit="110", reduce_only=True)
            await placed(engine, msgspec.structs.replace(exits, parent="entry"))
            assert "exit" in engine.floor.state.risk.counted
            await engine.office.cancel("entry", "me")
            await engine.settled()
            assert await status(engine, "exit") is OrdStatus.CANCELED
            assert not engine.floor.state.risk.counted

    run(main())


def test_whoever_cannot_be_told_of_the_news_ends_the_engine_and_leaves_nobody_waiting(tmp_path: Path) -> None:
    def fails(_update: Update) -> None:
        raise ZeroDivisionError

    async def main() -> None:
        async with trading(tmp_path, settings(), Clocks()) as engine:
            await engine.price("A", "100")
            engine.office.listen(fails, lambda _topic: True)
            with pytest.raises(ZeroDivisionError):
                await engine.office.place(order("x"))
            assert isinstance(engine.floor.failed, ZeroDivisionError)  # the engine ends by it

    run(main())
