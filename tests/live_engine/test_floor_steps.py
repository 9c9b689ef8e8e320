"""The floor within one event loop: no order gets two steps at once, whoever asks for them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.events import KillSwitchSet, OrderCanceled, OrderFilled, OrderIntent, OrderReplaced
from live_engine.floor import Floor
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from live_engine.restore import restore
from live_engine.settings import LiveSettings
from live_engine.streams.stream import Tick
from trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from live_engine.events import Body


def intent(
    client_order_id: str, *, parent: str = "", limit: int = 0, replaces: str = "", group: str = ""
) -> OrderIntent:
    return OrderIntent(
        client_order_id=client_order_id,
        symbol="A",
        side="sell" if parent else "buy",
        order_type="limit" if limit else "market",
        quantity=Decimal(1),
        limit_price=Decimal(limit) if limit else None,
        reduce_only=bool(parent),
        parent=parent,
        replaces=replaces,
        group=group,
    )


def traded(path: Path, trade: Callable[[Floor], Awaitable[None]]) -> list[Body]:
    """What the journal holds once a floor has traded."""

    async def run(journal: Journal) -> None:
        floor = Floor(journal, restore(path, (), path.parent / "days"), LiveSettings(symbols=("A",)), [Instrument("A")])
        await trade(floor)
        await floor.settled()

    with Journal(path) as journal:
        asyncio.run(run(journal))
    with JournalReader(path) as reader:
        return [one.body for one in reader.since(0)]


def test_an_exit_that_its_entry_and_the_kill_switch_end_at_once_is_ended_once(tmp_path: Path) -> None:
    async def trade(floor: Floor) -> None:
        await floor.append([intent("entry")])
        await floor.throw(KillSwitchSet(action="cancel-all", actor="ann", reason="drill"))
        await floor.settled()
        await floor.append([intent("exit", parent="entry")])

    bodies = traded(tmp_path / "live.sqlite", trade)
    ended = [body.client_order_id for body in bodies if isinstance(body, OrderCanceled)]
    assert sorted(ended) == ["entry", "exit"]


def test_an_order_does_not_fill_while_its_replacement_is_on_its_way_to_the_device(tmp_path: Path) -> None:
    async def trade(floor: Floor) -> None:
        await floor.append([intent("old", limit=90)])
        await floor.settled()
        await floor.append([intent("new", limit=80, replaces="old")])  # and what follows from it is not there yet
        await floor.take(Tick("A", 1, Decimal(85), Decimal(1)))

    bodies = traded(tmp_path / "live.sqlite", trade)
    assert [body for body in bodies if isinstance(body, OrderFilled)] == []
    assert sum(isinstance(body, OrderReplaced) for body in bodies) == 1


def test_an_order_that_is_cancelled_while_it_comes_to_life_is_cancelled_once(tmp_path: Path) -> None:
    async def trade(floor: Floor) -> None:
        await floor.append([intent("entry"), intent("exit", parent="entry")])
        await floor.settled()
        await floor.take(Tick("A", 1, Decimal(85), Decimal(1)))
        await floor.cancel(floor.state.books.hand.orders["exit"], "ann")  # its coming to life is on its way

    bodies = traded(tmp_path / "live.sqlite", trade)
    kinds = [type(body).__name__ for body in bodies if getattr(body, "client_order_id", "") == "exit"]
    assert kinds.count("OrderCanceled") == 1, kinds
    assert kinds.count("CancelRequested") == 1, kinds


def test_of_a_group_one_fills_however_many_other_orders_lie_between(tmp_path: Path) -> None:
    async def trade(floor: Floor) -> None:
        between = [intent(f"other-{number}", limit=1) for number in range(40)]
        await floor.append([intent("one", limit=90, group="g"), *between, intent("two", limit=91, group="g")])
        await floor.settled()
        await floor.take(Tick("A", 1, Decimal(85), Decimal(1)))

    bodies = traded(tmp_path / "live.sqlite", trade)
    assert [body.client_order_id for body in bodies if isinstance(body, OrderFilled)] == ["one"]
    assert [body.client_order_id for body in bodies if isinstance(body, OrderCanceled)] == ["two"]
