"""What a stream of prices is: a name, its symbols, and one update after the other until it ends or is closed."""

from __future__ import annotations

from decimal import Decimal  # noqa: TC003 - msgspec reads it at run time
from typing import TYPE_CHECKING, Protocol

import msgspec

from live_engine.events import BarClosed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Tick(msgspec.Struct, frozen=True):
    """One trade at a venue; `ts_ns` is the venue's time (UTC), `trade_id` its running number, 0 where it has none."""

    symbol: str
    ts_ns: int
    price: Decimal
    size: Decimal
    trade_id: int = 0


Update = Tick | BarClosed


class Stream(Protocol):
    """Prices as they come: trades one by one, bars as they close. Exchanges, files and the simulator look the same."""

    @property
    def name(self) -> str:
        """What events and figures call it."""
        ...

    @property
    def symbols(self) -> frozenset[str]:
        """Of which symbols it may bring prices."""
        ...

    def __aiter__(self) -> AsyncIterator[Update]: ...

    async def close(self) -> None:
        """Let go of whatever it holds; the iteration ends. Closing twice does nothing."""
        ...
