"""What the projection's tests share: a journal's place, and a migrated database on either edition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal" / "live.sqlite"


@pytest.fixture
def connection(migrated_dsn: str) -> Iterator[psycopg.Connection]:
    """The superuser's connection to a migrated database."""
    with psycopg.connect(migrated_dsn, autocommit=True) as opened:
        yield opened
