"""The sensor evaluated without a daemon: it asks as ever, and what it asks for is run and recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest

from live_engine.journal.reader import JournalReader
from pi5_pipelines.automation.tick import ticks
from pi5_pipelines.ledger.offset import committed
from tests.ledger.trading import write

if TYPE_CHECKING:
    from pathlib import Path


def test_the_runs_that_the_sensor_asks_for_are_run_until_it_asks_for_none(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / "journal" / "live.sqlite"
    last = write(path, 3, 20)
    monkeypatch.setattr("pi5_pipelines.ledger.asking.RANGE_EVENTS", last // 2 + 1)
    assert ticks(instance) == (2, f"the ledger has all {last:,} events")
    with JournalReader(path) as reader:
        assert committed(home / "lake", reader.epoch()) == last
    runs = instance.get_runs()
    assert [(run.job_name, run.status) for run in runs] == [("ledger", dg.DagsterRunStatus.SUCCESS)] * 2
    assert all("pi5/ledger_from" in run.tags for run in runs)
    assert instance.get_latest_materialization_event(dg.AssetKey("live_journal"))
    assert ticks(instance) == (0, f"the ledger has all {last:,} events")


def test_a_run_that_fails_is_named(home: Path, instance: dg.DagsterInstance) -> None:
    write(home / "journal" / "live.sqlite", 3, 5)
    (home / "lake").mkdir()
    (home / "lake" / "ledger_orders").touch()  # a file where the table's folder should be
    with pytest.raises(RuntimeError, match="of the job ledger failed"):
        ticks(instance)
    (run,) = instance.get_runs()
    assert run.status is dg.DagsterRunStatus.FAILURE
