"""Old runs go and the latest of each asset stay: on a real Dagster instance."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from pi5_pipelines.retention import expire, expire_logs
from pi5_pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LATER = timedelta(days=40)


@dg.asset
def number() -> int:
    return 1


@dg.op
def nothing() -> None:
    pass


@dg.job
def idle() -> None:
    nothing()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"PI5_HOME": str(tmp_path / "home")})


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    folder = settings.folder("dagster")
    folder.mkdir(parents=True)
    with dg.DagsterInstance.local_temp(str(folder)) as one:
        yield one


def test_old_runs_go_and_the_latest_materialisation_stays(instance: dg.DagsterInstance, settings: Settings) -> None:
    dg.materialize([number], instance=instance)
    latest = dg.materialize([number], instance=instance)
    idle.execute_in_process(instance=instance)
    assert expire(instance, settings).runs == 0
    report = expire(instance, settings, now=datetime.now(UTC) + LATER)
    assert report.runs == 2
    assert report.bytes_after < report.bytes_before
    assert [run.run_id for run in instance.get_runs()] == [latest.run_id]
    assert instance.get_latest_materialization_event(dg.AssetKey("number")) is not None


@pytest.mark.slow
def test_many_runs_are_found_beyond_one_page(
    instance: dg.DagsterInstance, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pi5_pipelines.retention.PAGE_OF_RUNS", 2)
    for _ in range(5):
        idle.execute_in_process(instance=instance)
    assert expire(instance, settings, now=datetime.now(UTC) + LATER).runs == 5


def test_old_logs_go_with_their_empty_folders(tmp_path: Path) -> None:
    old, new = tmp_path / "a" / "old.log", tmp_path / "b" / "new.log"
    for path in (old, new):
        path.parent.mkdir()
        path.write_text("line")
    os.utime(old, (1, 1))
    assert expire_logs(tmp_path, datetime.now(UTC) - timedelta(days=1)) == 1
    assert not old.parent.exists()
    assert new.exists()
