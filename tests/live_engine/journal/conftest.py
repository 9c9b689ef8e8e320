"""What the journal's tests share: a place, events to write, and a clock that is told what time it is."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from live_engine.events import CancelRequested, OrderIntent
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Clock = list[int]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "live.sqlite"


@pytest.fixture
def clock() -> Clock:
    """One number, the wall clock's: set it to move the clock."""
    return [1_700_000_000_000_000_000]


@pytest.fixture
def journal(path: Path, clock: Clock) -> Iterator[Journal]:
    with Journal(path, wall_ns=lambda: clock[0]) as opened:
        yield opened


@pytest.fixture
def intent() -> Callable[..., OrderIntent]:
    def make(client_order_id: str, quantity: str = "0.015") -> OrderIntent:
        return OrderIntent(
            client_order_id=client_order_id,
            symbol="BTC/USD",
            side="buy",
            order_type="limit",
            quantity=Decimal(quantity),
            limit_price=Decimal("64250.50"),
        )

    return make


@pytest.fixture
def cancel() -> Callable[[int], CancelRequested]:
    """An event of which there may be any number."""
    return lambda number: CancelRequested(client_order_id=f"order-{number}", actor="trader", reason="a test")
