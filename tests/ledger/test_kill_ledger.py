"""Kill -9 of the run, or of the daemon's evaluation, between any two steps: every event is in the ledger once.

20 rounds by default; PI5_KILLS sets another number. A round is a kill of the worker at a random step of its own, or of
the daemon before its tick is stored, after that and before the run is launched, or after the launch and before that is
stored, so that the run comes twice; or a cursor that is rewound or wiped. The journal grows meanwhile.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from live_engine.journal.reader import JournalReader
from pi5_pipelines.automation import journal as sensor
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import asking, audit
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.ledger.source import journal_file
from pi5_pipelines.resources.home import Home
from pi5_pipelines.settings import load_settings
from tests.ledger.content import content
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pi5_pipelines.settings import Settings

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("PI5_KILLS", "20"))
SEED = 20_261_126
RANGE_EVENTS, BATCH_EVENTS = 120, 50
STEPS_OF_A_RUN = 250  # what a run of so many events takes; a kill after the end is no kill
FATES = ("worker", "worker", "worker", "tick lost", "run lost", "run twice", "cursor wiped", "cursor rewound")


def work(config: Mapping[str, Any], step: int) -> bool:
    """A run's worker in a process of its own; whether it was killed."""
    command = [sys.executable, "-m", "tests.ledger.consuming", str(step), config["journal"], str(config["to_seq"])]
    done = subprocess.run([*command, str(BATCH_EVENTS)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, -signal.SIGKILL), done.stderr[-2_000:]
    return done.returncode != 0


class Daemon:
    """Evaluates the sensor as Dagster's daemon does, and can die between storing a tick and launching its run."""

    def __init__(self, instance: dg.DagsterInstance, chance: random.Random) -> None:
        self._instance, self._chance = instance, chance
        self.cursor: str | None = None
        self._cursors: list[str | None] = [None]
        self.killed: Counter[str] = Counter()

    def tick(self, fate: str) -> None:
        """One evaluation, and what comes of what it asks for."""
        if fate.startswith("cursor"):
            self.cursor = None if fate == "cursor wiped" else self._chance.choice(self._cursors)
            self.killed[fate] += 1
        context = dg.build_sensor_context(instance=self._instance, cursor=self.cursor)
        result = sensor.live_journal(context, home=Home())
        assert isinstance(result, dg.SensorResult)
        if fate == "tick lost" and result.run_requests:
            self.killed[fate] += 1
            return
        before, self.cursor = self.cursor, result.cursor
        self._cursors.append(self.cursor)
        for request in result.run_requests or ():
            config = request.run_config["ops"]["ledger_tables"]["config"]
            if fate == "run lost":
                self.killed[fate] += 1
                continue
            if work(config, self._chance.randint(1, STEPS_OF_A_RUN) if fate == "worker" else 0):
                self.killed[fate] += 1
            if fate == "run twice":  # launched, and the daemon died before it could note that
                self.cursor = before
                work(config, 0)
                self.killed[fate] += 1


@pytest.mark.slow
def test_killed_anywhere_every_event_is_in_the_ledger_once(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    monkeypatch.setattr(asking, "RANGE_EVENTS", RANGE_EVENTS)
    now_s = [1e9]
    monkeypatch.setattr(sensor, "clock", lambda: now_s[0])
    path, lake, orders = journal_file(settings), settings.folder("lake"), 0
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(instance, chance)
        while daemon.killed.total() < ROUNDS:
            if orders == 0 or chance.random() < 0.5:
                write(path, SEED, 15, start=orders)
                orders += 15
            now_s[0] += asking.LONGEST_WAIT_S
            daemon.tick(chance.choice(FATES))
        with JournalReader(path) as reader:
            epoch, last_seq = reader.epoch(), reader.last_seq()
        for _ in range(2 + last_seq // RANGE_EVENTS):
            now_s[0] += asking.LONGEST_WAIT_S
            daemon.tick("")
    assert committed(lake, epoch) == last_seq
    found = content(lake, epoch)
    assert audit.differing(settings) == (last_seq, [])
    assert audit.unbalanced(Lake(lake), epoch) == []
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "undisturbed"))
    undisturbed = load_settings()
    journal_file(undisturbed).parent.mkdir(parents=True)
    journal_file(undisturbed).write_bytes(path.read_bytes())
    consume(undisturbed)
    assert found == content(undisturbed.folder("lake"), epoch)
    print(f"{dict(daemon.killed)} over {last_seq} events")  # noqa: T201
