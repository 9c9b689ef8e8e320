"""The real thing: `dagster dev` with its daemon, its pages' own interface, and a run launched through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.orchestration.dagster_dev import LOCATION, ask, dagster_dev, ended, healthy, launched, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

NODES = """
{ assetNodes { assetKey { path } groupName description kinds jobNames
    owners { ... on TeamAssetOwner { team } } } }
"""
TICKING = """
query ($selector: RepositorySelector!) { repositoryOrError(repositorySelector: $selector) { ... on Repository {
    schedules { name scheduleState { status } } sensors { name sensorState { status } } } } }
"""


@pytest.fixture
def port(home: Path, free_port: int, tmp_path: Path) -> Iterator[int]:
    """Where `dagster dev` answers."""
    assert home.exists()
    with dagster_dev(free_port, tmp_path):
        yield free_port


def test_the_graph_explains_itself_and_a_launched_run_succeeds(port: int, drop: Callable[..., Path]) -> None:
    drop("GOOD")
    nodes = {node["assetKey"]["path"][-1]: node for node in ask(port, NODES)["assetNodes"]}
    assert {"bars_1d", "nightly_backtests", "nightly_report", "lake_compaction", "home_backup"} <= nodes.keys()
    for name, node in nodes.items():
        assert node["groupName"] in {"sources", "lake", "live", "research", "upkeep"}, name
        assert node["description"], name
        assert node["kinds"], name
        assert node["owners"], name
    run_id = launched(port, "ingest")
    assert wait_for("the run's end", lambda: ended(port, run_id)) == "SUCCESS"
    assert wait_for("healthy daemons", lambda: healthy(port)) >= {"SCHEDULER", "SENSOR", "MONITORING"}
    ticking = ask(port, TICKING, selector=LOCATION)["repositoryOrError"]
    states = {one["name"]: one["scheduleState"]["status"] for one in ticking["schedules"]}
    states |= {one["name"]: one["sensorState"]["status"] for one in ticking["sensors"]}
    assert states["nightly_after_close"] == "RUNNING"
    assert states["orphaned_runs"] == "RUNNING"
