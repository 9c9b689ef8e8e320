"""Kill -9 of the projecting process at random moments: the tables are always the fold of the journal up to the offset.

Twenty kills by default; PI5_KILLS=100 is the full proof. Each falls some batches after the process began with them.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_engine.journal.reader import JournalReader
from tests.live_engine.projection.projected import Expected, found, offset
from tests.live_engine.projection.sessions import write

if TYPE_CHECKING:
    import psycopg

ROOT = Path(__file__).resolve().parents[3]
KILLS = max(20, int(os.environ.get("PI5_KILLS", "0")))
BARS = 60 * KILLS
LONGEST_S = 0.2
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'live-engine'"


@pytest.mark.slow
def test_a_killed_projection_is_exactly_the_fold_up_to_its_offset(
    connection: psycopg.Connection, migrated_dsn: str, path: Path
) -> None:
    written, expected = write(path, seed=11, bars=BARS), Expected()
    with JournalReader(path) as reader:
        epoch = reader.epoch()
    chance = random.Random(20261126)  # noqa: S311 - moments, not secrets
    at = 0
    for _ in range(KILLS):
        project(path, migrated_dsn, kill_after_s=chance.uniform(0.0, LONGEST_S))
        while connection.execute(OTHERS).fetchone() != (0,):  # what was sent before the kill may still be committed
            time.sleep(0.01)
        now = offset(connection)
        assert at < now < len(written)
        expected.take(written[at:now])
        at = now
        assert found(connection, epoch) == expected.content()
    project(path, migrated_dsn)
    expected.take(written[at:])
    assert found(connection, epoch) == expected.content()
    assert offset(connection) == len(written)


def project(path: Path, dsn: str, kill_after_s: float | None = None) -> None:
    """Run the process to its end, or kill it so long after its first batch."""
    command = [sys.executable, "-m", "tests.live_engine.projection.projecting", str(path), dsn]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if kill_after_s is None:
            process.communicate(timeout=120)
            assert process.returncode == 0
            return
        while int(process.stdout.readline()) == 0:
            pass
        time.sleep(kill_after_s)
        process.send_signal(signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
