"""Where a stream begins after a restart."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from live_engine.prices import open_stream
from live_engine.settings import LiveSettings

if TYPE_CHECKING:
    from pathlib import Path


def test_made_up_prices_that_ran_ahead_of_the_clock_go_on_from_there(tmp_path: Path) -> None:
    async def first(heard_ns: int) -> int:
        live = LiveSettings(prices="simulated", symbols=("A",), speed=0.0)
        stream = open_stream(live, tmp_path, clock=time.monotonic_ns, wall_ns=1_000, heard_ns=heard_ns)
        async for update in stream:
            return update.ts_ns
        raise AssertionError("no price came")

    assert asyncio.run(first(0)) == 1_000
    assert asyncio.run(first(9_000)) == 9_000
