"""A home with nothing but a journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.settings import Settings


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    del home
    return load_settings()
