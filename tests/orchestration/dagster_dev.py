"""`dagster dev` as a process of its own, with the project's own settings, and its pages' own interface."""

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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[2]
PATIENCE_S = 120.0
LOCATION = {"repositoryLocationName": "pi5_pipelines.definitions", "repositoryName": "__repository__"}
LAUNCH = """
mutation ($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }
"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
DAEMONS = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


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


def launched(port: int, job: str, **params: object) -> str:
    """Start a run of a job; its id."""
    wanted = {"selector": {**LOCATION, "jobName": job}, "mode": "default", **params}
    answer = ask(port, LAUNCH, params=wanted)["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    run_id: str = answer["run"]["runId"]
    return run_id


@contextmanager
def dagster_dev(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Pages and daemon on that port until the end, their records below `folder`; they are up when this is entered."""
    dagster_home = folder / "dagster_home"
    dagster_home.mkdir()
    shutil.copy(ROOT / "dagster.yaml", dagster_home)
    log = folder / "dev.log"
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(ROOT / "workspace.yaml")]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [*command, "--host", "127.0.0.1", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(dagster_home)},
            stdout=output,
            stderr=output,
            start_new_session=True,
        ) as process,
    ):
        try:
            wait_for("the pages", lambda: ask(port, "{ version }"))
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=30)
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
