"""Runs without a process are failed, those that somebody works on are not: on a real Dagster instance."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
import grpc
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.__generated__ import dagster_api_pb2, dagster_api_pb2_grpc
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value, serialize_value

from pi5_pipelines import orphans
from pi5_pipelines.orphans import BOOT_TAG, PID_TAG, fail_orphaned_runs, process_tags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STARTING = dg.DagsterRunStatus.STARTING


@dg.op
def nothing() -> None:
    pass


@dg.job
def idle() -> None:
    nothing()


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as one:
        yield one


class CodeServer(dagster_api_pb2_grpc.DagsterApiServicer):
    """What Dagster's code server answers about the runs that it has launched."""

    def __init__(self) -> None:
        self.run_ids: set[str] = set()

    def CanCancelExecution(self, request: Any, context: object) -> Any:  # noqa: ANN401, N802 - as generated
        """Whether it has a process for the run."""
        del context
        asked = deserialize_value(request.serialized_can_cancel_execution_request, CanCancelExecutionRequest)
        told = serialize_value(CanCancelExecutionResult(can_cancel=asked.run_id in self.run_ids))
        return dagster_api_pb2.CanCancelExecutionReply(serialized_can_cancel_execution_result=told)


@contextmanager
def serving(code_server: CodeServer, port: int) -> Iterator[None]:
    with ThreadPoolExecutor(1) as threads:
        server = grpc.server(threads)
        dagster_api_pb2_grpc.add_DagsterApiServicer_to_server(code_server, server)  # type: ignore[no-untyped-call]
        server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        yield
        server.stop(None).wait()


def launched(instance: dg.DagsterInstance, port: int) -> str:
    """A run that a code server was asked to start."""
    tags = {GRPC_INFO_TAG: json.dumps({"host": "127.0.0.1", "port": port})}
    return instance.create_run_for_job(idle, status=STARTING, tags=tags).run_id


def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.parametrize("state", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
def test_a_run_whose_process_is_gone_is_failed(instance: dg.DagsterInstance, state: dg.DagsterRunStatus) -> None:
    tags = {**process_tags(), PID_TAG: str(dead_process())}
    run = instance.create_run_for_job(idle, status=state, tags=tags)
    assert fail_orphaned_runs(instance) == (run.run_id,)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status == dg.DagsterRunStatus.FAILURE


def test_a_run_of_an_earlier_boot_is_failed(instance: dg.DagsterInstance) -> None:
    tags = {**process_tags(), BOOT_TAG: "an earlier one"}
    run = instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED, tags=tags)
    assert fail_orphaned_runs(instance) == (run.run_id,)


def test_a_run_that_someone_works_on_is_left_alone(instance: dg.DagsterInstance) -> None:
    instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED, tags=process_tags())
    instance.create_run_for_job(idle, status=dg.DagsterRunStatus.STARTED)
    assert fail_orphaned_runs(instance) == ()


def test_a_run_that_its_code_server_was_killed_with_before_it_began_is_failed(
    instance: dg.DagsterInstance, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = launched(instance, free_port)
    assert fail_orphaned_runs(instance) == ()  # it may be about to begin
    monkeypatch.setattr(orphans, "LAUNCH_S", 0.0)
    code_server = CodeServer()
    with serving(code_server, free_port):
        code_server.run_ids.add(run_id)
        assert fail_orphaned_runs(instance) == ()
        code_server.run_ids.clear()  # another one in its place
        assert fail_orphaned_runs(instance) == (run_id,)
    gone = launched(instance, free_port)
    assert fail_orphaned_runs(instance) == (gone,)


def test_a_code_server_that_is_too_busy_to_answer_is_waited_for(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orphans, "LAUNCH_S", 0.0)
    monkeypatch.setattr(orphans, "ANSWER_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        launched(instance, silent.getsockname()[1])
        assert fail_orphaned_runs(instance) == ()
