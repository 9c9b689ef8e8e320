"""Kill -9 of the run, the database or the daemon at any step: every event is in both stores' ledgers once.

20 rounds by default; PI5_KILLS sets another number. A round is a kill of the worker at a random step of its own, or of
TimescaleDB at one; or of the daemon before its tick is stored, after that and before the run is launched, or after the
launch and before that is stored, so that the run comes twice; or a cursor that is rewound or wiped. The journal grows
meanwhile.
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
import psycopg
import pytest

from live_engine.journal.reader import JournalReader
from pi5_pipelines.assets import names
from pi5_pipelines.automation import journal as sensor
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import asking, audit, hot
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.ledger.source import journal_file
from pi5_pipelines.resources.home import Home
from pi5_pipelines.settings import load_settings
from pi5_pipelines.timescale.migrations import migrate
from tests.ledger.content import content, hot_content
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.timescale.fixtures import Server

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("PI5_KILLS", "20"))
SEED = 20_261_126
RANGE_EVENTS, BATCH_EVENTS = 120, 50
STEPS_OF_A_RUN, STEPS_THERE = 480, 95  # of a run of so many events, and in TimescaleDB; a kill after the end is none
FATES = (
    *("worker", "worker", "worker", "database", "database"),
    *("tick lost", "run lost", "run twice", "cursor wiped", "cursor rewound"),
)


def work(config: Mapping[str, Any], step: int, server: Server | None = None) -> bool:
    """A run's worker in a process of its own; whether it was killed, or the server was at a step of it."""
    command = [sys.executable, "-m", "tests.ledger.consuming", str(-step if server else step), config["journal"]]
    with subprocess.Popen(
        [*command, str(config["to_seq"]), str(BATCH_EVENTS)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        assert worker.stdout is not None
        reached = server is not None and worker.stdout.readline() == "stopped\n"
        if server and reached:
            server.crash()
            server.start()
        worker.communicate("go on\n")
    assert worker.returncode in (0, -signal.SIGKILL)
    return reached or worker.returncode != 0


class Daemon:
    """Evaluates the sensor as Dagster's daemon does, and can die between storing a tick and launching its run."""

    def __init__(self, instance: dg.DagsterInstance, chance: random.Random, server: Server) -> None:
        self._instance, self._chance, self._server = instance, chance, server
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
            if fate == "worker":
                self.killed[fate] += work(config, self._chance.randint(1, STEPS_OF_A_RUN))
            elif fate == "database":
                self.killed[fate] += work(config, self._chance.randint(1, STEPS_THERE), self._server)
            else:
                work(config, 0)
            if fate == "run twice":  # launched, and the daemon died before it could note that
                self.cursor = before
                work(config, 0)
                self.killed[fate] += 1


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_killed_anywhere_every_event_is_in_both_ledgers_once(
    own_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        migrate(connection)
    monkeypatch.setenv("PI5_TIMESCALE_DSN", own_server.dsn)
    monkeypatch.setattr(names, "HAS_HOT_TIER", True)
    settings = load_settings()
    chance = random.Random(SEED)  # noqa: S311 - moments, not secrets
    monkeypatch.setattr(asking, "RANGE_EVENTS", RANGE_EVENTS)
    now_s = [1e9]
    monkeypatch.setattr(sensor, "clock", lambda: now_s[0])
    path, lake, orders = journal_file(settings), settings.folder("lake"), 0
    with dg.DagsterInstance.ephemeral() as instance:
        daemon = Daemon(instance, chance, own_server)
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
    assert hot.differing(settings) == []
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        found = content(lake, epoch), hot_content(connection)
    assert audit.differing(settings) == (last_seq, [])
    assert audit.unbalanced(Lake(lake), epoch) == []
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "undisturbed"))
    undisturbed = load_settings()
    journal_file(undisturbed).parent.mkdir(parents=True)
    journal_file(undisturbed).write_bytes(path.read_bytes())
    consume(undisturbed)
    with psycopg.connect(own_server.dsn, autocommit=True) as connection:
        connection.execute("SELECT ledger_forget(journal) FROM ledger_offsets")
        hot.follow(undisturbed)
        assert found == (content(undisturbed.folder("lake"), epoch), hot_content(connection))
    print(f"{dict(daemon.killed)} over {last_seq} events")  # noqa: T201
