"""Runs whose process is gone (a power cut, a kill): Dagster would show them as running for ever, and wait for them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster import DagsterInstance, DagsterRun, RunRecord

PROC = Path("/proc")
PID_TAG, BOOT_TAG = "pi5/pid", "pi5/boot"
BOOT_ID = PROC / "sys/kernel/random/boot_id"
LAUNCH_S = 30.0  # from a run's start until its server knows of it
ANSWER_S = 5


def process_tags() -> dict[str, str]:
    """Tags by which a later boot finds out whether this process, which works on a run, is still there."""
    return {PID_TAG: str(os.getpid()), BOOT_TAG: _boot_id()}


def fail_orphaned_runs(instance: DagsterInstance) -> tuple[str, ...]:
    """Fail runs that stand as running though their process is gone (a power cut, a kill); answers their ids.

    Dagster's default launcher cannot see this itself. A run is left alone while the process that tagged it lives; one
    that has not come so far, while the server that was to start it knows of it; and when nothing tells whose it is.
    """
    from dagster import DagsterRunStatus, RunsFilter

    open_states = [DagsterRunStatus.STARTING, DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING]
    records = instance.get_run_records(RunsFilter(statuses=open_states))
    orphans = [record.dagster_run for record in records if _is_orphan(record.dagster_run) or _is_unknown(record)]
    for run in orphans:
        instance.report_run_failed(run, message="the process that worked on this run is gone: a power cut or a kill")
    _free_slots(instance)
    return tuple(run.run_id for run in orphans)


def _free_slots(instance: DagsterInstance) -> None:
    """Give back the places in pools that ended runs hold or stand in line for: a killed step could not do it itself."""
    storage = instance.event_log_storage
    for pool in storage.get_concurrency_keys():
        info = storage.get_concurrency_info(pool)
        # A place may be set aside for a waiting step that was killed before it took it.
        for run_id in {slot.run_id for slot in info.claimed_slots} | {step.run_id for step in info.pending_steps}:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                storage.free_concurrency_slots_for_run(run_id)


def _is_orphan(run: DagsterRun) -> bool:
    if PID_TAG not in run.tags:
        return False
    if run.tags.get(BOOT_TAG) != _boot_id():
        return True
    return not (PROC / run.tags[PID_TAG]).exists()


def _is_unknown(record: RunRecord) -> bool:
    """Whether a run was to be started by a code server that is gone, or is another one by now."""
    from dagster import DagsterRunStatus
    from dagster._core.errors import DagsterUserCodeUnreachableError
    from dagster._core.storage.tags import GRPC_INFO_TAG
    from dagster._grpc.client import DagsterGrpcClient
    from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
    from dagster._serdes import deserialize_value
    from grpc import RpcError, StatusCode

    run = record.dagster_run
    if run.status is not DagsterRunStatus.STARTING or PID_TAG in run.tags or GRPC_INFO_TAG not in run.tags:
        return False
    if time.time() - record.update_timestamp.timestamp() < LAUNCH_S:
        return False
    try:
        client = DagsterGrpcClient(**json.loads(run.tags[GRPC_INFO_TAG]))
        answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id), timeout=ANSWER_S)
    except DagsterUserCodeUnreachableError as error:
        return isinstance(error.__cause__, RpcError) and error.__cause__.code() is StatusCode.UNAVAILABLE
    return not deserialize_value(answer, CanCancelExecutionResult).can_cancel


def _boot_id() -> str:
    return BOOT_ID.read_text().strip() if BOOT_ID.exists() else ""
