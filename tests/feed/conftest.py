"""A lake that real ingestion filled from an inbox, for the file that the live engine is fed from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from pi5_pipelines.ingest import ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import IngestSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def filled(tmp_path: Path) -> Callable[..., tuple[Settings, Lake]]:
    """Settings and lake of a home into whose inbox so many daily bars of each symbol came; [live] as told."""

    def fill(live: dict[str, Any] | None = None, **lengths: int) -> tuple[Settings, Lake]:
        ingesting = IngestSettings(sources=("inbox",))
        settings = Settings(home=str(tmp_path / "home"), ingest=ingesting, live=live or {})
        inbox = settings.folder("inbox")
        inbox.mkdir(parents=True, exist_ok=True)
        for symbol, length in lengths.items():
            days = [(NOW - timedelta(days=length - n)).date() for n in range(length)]
            rows = [f"{day},{9 + n}.5,{11 + n}.25,{8 + n},{10 + n}.0625,{n * 10}" for n, day in enumerate(days)]
            (inbox / f"{symbol}.csv").write_text("\n".join(["Date,Open,High,Low,Close,Volume", *rows]) + "\n")
        lake = Lake(settings.folder("lake"))
        report = ingest(settings, lake)
        assert not report.refused
        return settings, lake

    return fill
