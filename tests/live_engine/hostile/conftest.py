"""One engine for the attacks of a file, and what must be so when they are over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_engine.events import OrderIntent
from live_engine.journal.verify import verify
from tests.live_engine.hostile.engines import configure, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.live_engine.hostile.engines import Engine

MOST_MB = 80.0


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """After all that its tests do it still trades, is small, ends in order, and its journal holds what it said."""
    with running(configure(tmp_path_factory.mktemp("engine"))) as found:
        yield found
        assert found.process.poll() is None
        assert found.trades()
        assert found.rss_mb() < MOST_MB
        assert found.ends()[0] == 0
        assert verify(found.journal).problems == ()
        kept = {body.client_order_id for body in found.bodies() if isinstance(body, OrderIntent)}
        assert found.acknowledged <= kept
