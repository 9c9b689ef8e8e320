"""A migrated hot tier, and bars to put into it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.timescale.connection import Access, connect, pool, shown
from pi5_pipelines.timescale.instruments import put_instruments
from pi5_pipelines.timescale.migrations import migrate
from tests.timescale.market import INSTRUMENTS, Hot

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def hot(migrated_dsn: str) -> Iterator[Hot]:
    """A migrated hot tier with instruments, on the Apache edition."""
    yield from hot_at(migrated_dsn)


@pytest.fixture
def community_hot(community_dsn: str) -> Iterator[Hot]:
    """The same on the Community edition."""
    yield from hot_at(community_dsn)


@pytest.fixture
def any_hot(any_migrated_dsn: str) -> Iterator[Hot]:
    """The same on either edition."""
    yield from hot_at(any_migrated_dsn)


@pytest.fixture
def own_hot(own_server: object) -> Iterator[Hot]:
    """The same on a server that may crash."""
    dsn: str = own_server.dsn  # type: ignore[attr-defined]
    yield from hot_at(dsn)


def hot_at(dsn: str) -> Iterator[Hot]:
    access = Access(dsn, shown(dsn), 4)
    with connect(access) as connection:
        migrate(connection)
        put_instruments(connection, INSTRUMENTS)
        with pool(access) as connections:
            yield Hot(access, connection, connections)
