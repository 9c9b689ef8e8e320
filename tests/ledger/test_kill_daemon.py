"""Kill -9 of the real `dagster-daemon`, alone or with the run that it launched: every event is in both ledgers once.

One kill by default; a tenth of PI5_KILLS where that is more. A kill comes at a random moment of a daemon's life, from
its start to some time after its run's end; the journal grows before each.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from live_engine.journal.reader import JournalReader
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger import audit, hot
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.ledger.offset import committed
from pi5_pipelines.ledger.source import journal_file
from pi5_pipelines.settings import load_settings
from tests.ledger.content import content
from tests.ledger.trading import write

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
KILLS = max(1, int(os.environ.get("PI5_KILLS", "0")) // 10)
SEED = 20_261_126
ORDERS = 30
LIFE_S = 25.0  # the location is loaded in some 5 s, the first tick follows, and then a run
PATIENCE_S = 600.0  # a run that was killed before it began is noticed after 30 to 90 s, and started again


@contextmanager
def daemon(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The daemon with the project's own settings, and nothing of it left after."""
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-w", str(ROOT / "workspace.yaml")],
            cwd=ROOT,
            env={**os.environ, "DAGSTER_HOME": str(folder)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with_its_runs(process)


def with_its_runs(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to the daemon and all that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def followed(dsn: str) -> int:
    """How far TimescaleDB's ledger has come, which follows the lake's."""
    with psycopg.connect(dsn) as connection:
        row = connection.execute("SELECT seq FROM ledger_offsets").fetchone()
    return row[0] if row else 0


@pytest.mark.slow
def test_a_daemon_that_is_killed_loses_and_doubles_nothing(
    home: Path, migrated_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_TIMESCALE_DSN", migrated_dsn)
    settings, lake = load_settings(), home / "lake"
    chance, path = random.Random(SEED), journal_file(settings)  # noqa: S311 - moments, not secrets
    folder = tmp_path / "dagster_home"
    folder.mkdir()
    shutil.copy(ROOT / "dagster.yaml", folder)
    reached = []
    for number in range(KILLS):
        last_seq = write(path, SEED, ORDERS, start=number * ORDERS)
        with JournalReader(path) as reader:
            epoch = reader.epoch()
        with daemon(folder) as process:
            time.sleep(chance.uniform(0.2, 1.0) * LIFE_S)
            assert process.poll() is None
            if chance.random() < 0.5:
                process.kill()  # what it launched goes on for a while
                time.sleep(2.0)
        reached.append(committed(lake, epoch))
    with daemon(folder) as process:
        give_up = time.monotonic() + PATIENCE_S
        while followed(migrated_dsn) < last_seq and time.monotonic() < give_up:
            assert process.poll() is None
            time.sleep(0.5)
    assert committed(lake, epoch) == last_seq
    assert hot.differing(settings) == []
    assert audit.differing(settings) == (last_seq, [])
    assert audit.unbalanced(Lake(lake), epoch) == []
    found = content(lake, epoch)
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "undisturbed"))
    undisturbed = load_settings()
    shutil.copytree(path.parent, journal_file(undisturbed).parent)
    consume(undisturbed)
    assert found == content(undisturbed.folder("lake"), epoch)
    print(f"{KILLS} daemons killed; after each the ledger was at {reached} of {last_seq} events")  # noqa: T201
