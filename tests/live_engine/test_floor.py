"""The floor within one event loop: no order gets two steps at once, whoever asks for them."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.events import KillSwitchSet, OrderCanceled, OrderIntent
from live_engine.floor import Floor
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from live_engine.restore import restore
from live_engine.settings import LiveSettings
from trading.instrument import Instrument

if TYPE_CHECKING:
    from pathlib import Path


def intent(client_order_id: str, *, parent: str = "") -> OrderIntent:
    return OrderIntent(
        client_order_id=client_order_id,
        symbol="A",
        side="sell" if parent else "buy",
        order_type="market",
        quantity=Decimal(1),
        reduce_only=bool(parent),
        parent=parent,
    )


def test_an_exit_that_its_entry_and_the_kill_switch_end_at_once_is_ended_once(tmp_path: Path) -> None:
    async def trade(journal: Journal) -> None:
        state = restore(journal.path, ())
        floor = Floor(journal, state, LiveSettings(symbols=("A",)), [Instrument("A")])
        await floor.append([intent("entry")])
        await floor.throw(KillSwitchSet(action="cancel-all", actor="ann", reason="drill"))
        await floor.settled()
        await floor.append([intent("late", parent="entry")])
        await floor.settled()

    path = tmp_path / "live.sqlite"
    with Journal(path) as journal:
        asyncio.run(trade(journal))
    with JournalReader(path) as reader:
        ended = [one.body.client_order_id for one in reader.since(0) if isinstance(one.body, OrderCanceled)]
    assert sorted(ended) == ["entry", "late"]
