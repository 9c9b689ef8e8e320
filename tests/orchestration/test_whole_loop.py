"""A person's order, the engine's fill, the ledger in the lake: with the real engine, daemon, runs and pages, once."""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from live_engine.events import OrderFilled
from live_engine.journal.reader import JournalReader
from pi5_pipelines.assets import names
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger.offset import FILLS, offset_of
from pi5_pipelines.ledger.postings import text
from tests.live_engine.crash.resident import Caller, Resident
from tests.network import free_port
from tests.orchestration.dagster_dev import LOCATION, ask, dagster_dev, ended, launched, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

    from live_engine.events import Event

pytestmark = pytest.mark.slow

CHAIN = (names.ENGINE, names.JOURNAL, *names.LEDGER_TABLES, names.REPLAY_CHECK, names.TRADING_REPORT)
WAY = {
    (names.ENGINE, names.JOURNAL),
    *((names.JOURNAL, table) for table in names.LEDGER_TABLES),
    (names.JOURNAL, names.REPLAY_CHECK),
    (names.REPLAY_CHECK, names.TRADING_REPORT),
    (names.LEDGER_FILLS, names.TRADING_REPORT),
}
MADE = re.compile(r"Materialized|\bago\b|filled")
PLACE = f"{LOCATION['repositoryName']}@{LOCATION['repositoryLocationName']}"
MOST_S = 60.0
PATIENCE_S = 120.0
ORDER = "by-hand"
TICKS = """
query ($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) { ... on Sensor {
    sensorState { status ticks(limit: 5) { status } } } } }
"""
RECORDS = """
query ($keys: [AssetKeyInput!]!) { assetNodes(assetKeys: $keys) { assetKey { path }
    assetMaterializations(limit: 1) { runId } assetObservations(limit: 1) { description } } }
"""
EDGES = (
    "query ($keys: [AssetKeyInput!]!) { assetNodes(assetKeys: $keys) { assetKey { path } dependencyKeys { path } } }"
)


class Watch(threading.Thread):
    """Looks at the lake until `ledger_fills` is as far as an event; `moment_s` is when it was (UTC)."""

    def __init__(self, lake: Path, epoch: str, seq: int) -> None:
        super().__init__(daemon=True)
        self._lake, self._epoch, self._seq = lake, epoch, seq
        self.moment_s = 0.0

    def run(self) -> None:
        """Look ten times a second."""
        give_up = time.monotonic() + PATIENCE_S
        while time.monotonic() < give_up:
            if offset_of(self._lake, FILLS, self._epoch).seq >= self._seq:
                self.moment_s = time.time()
                return
            time.sleep(0.1)


@pytest.fixture
def resident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Resident:
    """A home for both halves, the engine's port being one that was free."""
    found = Resident(tmp_path / "engine", free_port())
    monkeypatch.setenv("PI5_HOME", str(found.journal.parents[1]))
    return found


def sensor(port: int) -> tuple[str, set[str]]:
    """Whether the sensor is running, which nobody told it to, and how its last ticks ended."""
    state = ask(port, TICKS, selector={**LOCATION, "sensorName": "live_journal"})["sensorOrError"]["sensorState"]
    return state["status"], {one["status"] for one in state["ticks"]}


def ordered(resident: Resident) -> Event:
    """Send an order by hand, await its fill, then halt trading; the fill as the journal has it."""
    order = {"client_order_id": ORDER, "symbol": "SAFE", "side": "buy", "type": "market", "quantity": "3"}
    with Caller(resident) as caller:
        assert caller.call("POST", "/api/v1/orders", order)[0] == 201
        filled = wait_for("the fill", lambda: fill_of(resident.journal))
        halt = {"action": "halt", "reason": "enough"}
        assert caller.call("POST", "/api/v1/kill-switch", halt, role="admin")[0] in (200, 201)
    return filled  # type: ignore[no-any-return]


def fill_of(journal: Path) -> Event | None:
    with JournalReader(journal) as reader:
        return next((one for one in reader.of_order(ORDER) if isinstance(one.body, OrderFilled)), None)


def records(port: int) -> dict[str, Any]:
    """Of every asset of the loop its last materialization, or observation."""
    keys = [{"path": [name]} for name in CHAIN]
    nodes = ask(port, RECORDS, keys=keys)["assetNodes"]
    return {node["assetKey"]["path"][0]: node["assetMaterializations"] or node["assetObservations"] for node in nodes}


def edges(port: int) -> set[tuple[str, str]]:
    """What of the loop is made out of what, as the pages draw it."""
    nodes = ask(port, EDGES, keys=[{"path": [name]} for name in CHAIN])["assetNodes"]
    return {(above["path"][0], node["assetKey"]["path"][0]) for node in nodes for above in node["dependencyKeys"]}


def sensor_in(page: Page, port: int) -> list[str]:
    """The lines of the sensor's page, once it says whether the sensor is running."""
    page.goto(f"http://127.0.0.1:{port}/locations/{PLACE}/sensors/live_journal", wait_until="domcontentloaded")
    page.get_by_text("Frequency").locator("visible=true").first.wait_for()
    assert page.get_by_role("checkbox").first.is_checked()
    return [line.strip() for line in page.inner_text("body").splitlines()]


def graph_in(page: Page, port: int) -> dict[str, str]:
    """The group's graph as it is drawn, once every asset has something to tell: what stands on their nodes."""
    page.goto(f"http://127.0.0.1:{port}/locations/{PLACE}/asset-groups/live/lineage", wait_until="domcontentloaded")

    def drawn() -> dict[str, str]:
        texts = page.locator("foreignObject > div").all_inner_texts()
        found = {name: next((text for text in texts if name in text.split()[:1]), "") for name in CHAIN}
        return found if all(MADE.search(text) for text in found.values()) else {}

    try:
        return wait_for("what stands on the nodes", drawn)  # type: ignore[no-any-return]
    except TimeoutError:
        raise AssertionError(page.locator("foreignObject > div").all_inner_texts()) from None


def test_a_fill_is_in_the_lake_within_a_minute_and_the_pages_show_its_way(
    resident: Resident, free_port: int, tmp_path: Path, browser: Browser
) -> None:
    port, lake = free_port, resident.journal.parents[1] / "lake"
    with resident.start(seed=7) as engine, dagster_dev(port, tmp_path):
        resident.await_health(engine)
        # A fill that comes after a tick waits for a whole interval of the sensor's: the longest way there is.
        wait_for("the sensor's first tick", lambda: {"SUCCESS", "SKIPPED"} & sensor(port)[1])
        filled = ordered(resident)
        with JournalReader(resident.journal) as reader:
            watch = Watch(lake, reader.epoch(), filled.seq)
        watch.start()
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        tags = [{"key": "dagster/partition", "value": yesterday}]
        run_id = launched(port, "reconcile_live", executionMetadata={"tags": tags})
        page = browser.new_page(viewport={"width": 2600, "height": 1800})
        page.set_default_timeout(30_000)
        told = sensor_in(page, port)
        assert {"live_journal", "Running"} <= set(told)
        watch.join()
        seconds = watch.moment_s - filled.wall_ns / 1e9
        print(f"the fill was in the lake after {seconds:.1f} s")  # noqa: T201
        assert 0.0 < seconds < MOST_S
        (row,) = Lake(lake).read(FILLS).filter(client_order_id=ORDER).iter_rows(named=True)
        assert isinstance(filled.body, OrderFilled)
        assert (row["side"], row["quantity"], row["price"]) == ("buy", "3", text(filled.body.price))
        assert wait_for("the day's report", lambda: ended(port, run_id)) == "SUCCESS"
        found = wait_for("every asset's record", lambda: (seen := records(port)) and all(seen.values()) and seen)
        assert found[names.ENGINE] == [{"description": "KillSwitchSet"}]
        assert edges(port) >= WAY
        drawn = graph_in(page, port)
        assert all("Materialized" in drawn[name] for name in (names.JOURNAL, *names.LEDGER_TABLES))
        running, ticks = sensor(port)
        assert running == "RUNNING"
        assert "SUCCESS" in ticks
        assert engine.poll() is None
        page.close()
