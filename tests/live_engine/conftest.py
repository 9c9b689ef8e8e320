"""What the tests of the floor share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Where a floor's journal lies."""
    return tmp_path / "live.sqlite"
