"""What the projection's tests share: a journal's place, and a migrated database on either edition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from pi5_pipelines.timescale.migrations import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "live.sqlite"


@pytest.fixture
def connection(apache_dsn: str) -> Iterator[psycopg.Connection]:
    """The superuser's connection to a migrated database."""
    with psycopg.connect(apache_dsn, autocommit=True) as opened:
        migrate(opened)
        yield opened
