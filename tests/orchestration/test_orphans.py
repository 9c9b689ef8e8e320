"""A run that is killed does not stay "running" for ever, and whoever looked at it leaves no child behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from pi5_pipelines.automation.orphans import orphaned_runs
from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60.0


@dg.job
def empty() -> None:
    """A job that does nothing."""


def started_run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    """The one run, as soon as a step of it has opened the home and so tagged the run with its process."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        for run in instance.get_runs():
            if "pi5/pid" in run.tags:
                return run
        time.sleep(0.05)
    raise TimeoutError("the run did not start")


def test_a_living_run_is_left_alone_and_a_killed_one_is_failed(
    home: Path, drop: Callable[..., Path], tmp_path: Path, instance: dg.DagsterInstance
) -> None:
    drop("GOOD")
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "pi5_pipelines.definitions", "-j", "ingest"]
    environment = {**os.environ, "DAGSTER_HOME": str(tmp_path / "dagster_home")}
    quiet = subprocess.DEVNULL
    with Lake(home / "lake").writing("instruments"):  # the ingest waits for the lock until it is killed
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=quiet, stderr=quiet, start_new_session=True
        )
        try:
            run_id = started_run(instance).run_id
            assert "every run has its process" in str(orphaned_runs(dg.build_sensor_context(instance=instance)))
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    said = str(orphaned_runs(dg.build_sensor_context(instance=instance)))
    assert run_id in said
    found = instance.get_run_by_id(run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE


def test_a_place_set_aside_for_a_killed_run_is_given_back(instance: dg.DagsterInstance) -> None:
    pool, storage = "lake_writer", instance.event_log_storage
    storage.set_concurrency_slots(pool, 1)
    ended = [instance.create_run_for_job(empty, status=dg.DagsterRunStatus.FAILURE).run_id for _ in range(2)]
    assert storage.claim_concurrency_slot(pool, ended[0], "step").is_claimed
    assert not storage.claim_concurrency_slot(pool, ended[1], "step").is_claimed
    storage.free_concurrency_slots_for_run(ended[0])  # the place is now the second one's, which is dead
    living = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED).run_id
    assert not storage.claim_concurrency_slot(pool, living, "step").is_claimed
    orphaned_runs(dg.build_sensor_context(instance=instance))
    assert storage.claim_concurrency_slot(pool, living, "step").is_claimed
