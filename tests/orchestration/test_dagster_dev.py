"""The real thing: `dagster dev` with its daemon, its pages' own interface, and a run launched through it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.journal.reader import JournalReader
from pi5_pipelines.ledger.offset import committed
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
LOCATION = {"repositoryLocationName": "pi5_pipelines.definitions", "repositoryName": "__repository__"}
NODES = """
{ assetNodes { assetKey { path } groupName description kinds jobNames
    owners { ... on TeamAssetOwner { team } } } }
"""
LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"
TICKING = """
query ($selector: RepositorySelector!) { repositoryOrError(repositorySelector: $selector) { ... on Repository {
    schedules { name scheduleState { status } } sensors { name sensorState { status } } } } }
"""


def ask(port: int, query: str, **variables: object) -> dict[str, Any]:
    """One question to the pages' GraphQL interface."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/graphql", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        document: dict[str, Any] = json.load(answer)
    assert "errors" not in document, document
    found: dict[str, Any] = document["data"]
    return found


def wait_for(what: str, found: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever is waited for
    """The first true answer."""
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up:
        try:
            if answer := found():
                return answer
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.25)
    raise TimeoutError(what)


def ended(port: int, run_id: str) -> str:
    """A run's last status, "" while it has not ended."""
    status: str = ask(port, STATUS, id=run_id)["runOrError"]["status"]
    return status if status in {"SUCCESS", "FAILURE", "CANCELED"} else ""


def healthy(port: int) -> set[str]:
    """The daemons that must run, once all of them do."""
    statuses = ask(port, DAEMONS)["instance"]["daemonHealth"]["allDaemonStatuses"]
    needed = [one for one in statuses if one["required"]]
    return {one["daemonType"] for one in needed} if all(one["healthy"] for one in needed) else set()


@pytest.fixture
def port(home: Path, free_port: int, tmp_path: Path) -> Iterator[int]:
    """`dagster dev` on a free port, with the project's own workspace.yaml and dagster.yaml."""
    assert home.exists()
    dagster_home = tmp_path / "dagster_home"
    dagster_home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", dagster_home)
    log = tmp_path / "dev.log"
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(free_port)],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(dagster_home)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_for("the pages", lambda: ask(free_port, "{ version }"))
            yield free_port
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)


def test_the_graph_explains_itself_and_a_launched_run_succeeds(port: int, drop: Callable[..., Path]) -> None:
    drop("GOOD")
    nodes = {node["assetKey"]["path"][-1]: node for node in ask(port, NODES)["assetNodes"]}
    assert {"bars_1d", "nightly_backtests", "nightly_report", "lake_compaction", "home_backup"} <= nodes.keys()
    for name, node in nodes.items():
        assert node["groupName"] in {"sources", "lake", "live", "research", "upkeep"}, name
        assert node["description"], name
        assert node["kinds"], name
        assert node["owners"], name
    selector = {**LOCATION, "jobName": "ingest"}
    launched = ask(port, LAUNCH, params={"selector": selector, "mode": "default"})["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]
    assert wait_for("the run's end", lambda: ended(port, run_id)) == "SUCCESS"
    assert wait_for("healthy daemons", lambda: healthy(port)) >= {"SCHEDULER", "SENSOR", "MONITORING"}
    ticking = ask(port, TICKING, selector=LOCATION)["repositoryOrError"]
    states = {one["name"]: one["scheduleState"]["status"] for one in ticking["schedules"]}
    states |= {one["name"]: one["sensorState"]["status"] for one in ticking["sensors"]}
    assert states["nightly_after_close"] == "RUNNING"
    assert states["orphaned_runs"] == "RUNNING"


@pytest.mark.slow
def test_the_daemon_brings_a_journal_into_the_ledger(port: int, home: Path) -> None:
    """The real sensor, daemon, queue and run: nobody asks for anything."""
    last_seq = write(home / "journal" / "live.sqlite", 1, 10)
    with JournalReader(home / "journal" / "live.sqlite") as reader:
        epoch = reader.epoch()
    assert ask(port, "{ version }")
    assert wait_for("the ledger", lambda: committed(home / "lake", epoch) == last_seq)
    with JournalReader(home / "journal" / "live.sqlite") as reader:
        assert wait_for("the consumer's place", lambda: reader.consumers().get("ledger") == last_seq)
