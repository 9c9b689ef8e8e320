"""An engine that is killed under load, again and again: nothing that it told is lost, nothing is doubled.

Five kills by default; PI5_KILLS=500 is the full proof (`make soak`).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from live_engine.errors import JournalMissingError
from tests.live_engine.crash.checks import await_quiet, journal_is_whole, restarted_as_it_was
from tests.live_engine.crash.load import Told, Trader, listen
from tests.live_engine.crash.resident import ROOT, Caller, Resident

if TYPE_CHECKING:
    from pathlib import Path

    from tests.live_engine.crash.raw_journal import Fold

KILLS = int(os.environ.get("PI5_KILLS", "5"))
CUTS = max(3, KILLS // 5)
KILLS_OF_A_HOME = 20
TRADERS = 3
LONGEST_S = 1.2
AGAIN = 40  # orders of earlier rounds that are looked at once more

pytestmark = pytest.mark.slow


@dataclass
class Rounds:
    """Kills of the engine of one home."""

    resident: Resident
    chance: random.Random
    told: Told = field(default_factory=Told)
    fold: Fold | None = None
    kills: int = 0
    figures: dict[str, int] = field(default_factory=dict)

    def go(self) -> None:
        """One start, load, and one end."""
        ends = self.chance.choices(("kill", "kill at start", "kill at end", "stop"), (12, 2, 1, 1))[0]
        with self.resident.start(self.chance.randrange(1_000_000)) as process:
            if ends == "kill at start":
                time.sleep(self.chance.uniform(0.2, 1.2))
            else:
                self._under_load(process, ends)
            if ends != "stop":
                process.send_signal(signal.SIGKILL)
                self.kills += 1
            process.wait(timeout=30)
        if self.resident.synced is not None:
            self.resident.cut_power(self.chance)
        try:
            self.fold = journal_is_whole(self.resident, self.told)
            self._count()
        except JournalMissingError:  # it went down while its first journal was made
            assert self.told == Told()

    def _under_load(self, process: subprocess.Popen[str], ends: str) -> None:
        self.resident.await_health(process)
        if self.fold is not None:
            self._look()
        named = f"{self.kills}.{self.chance.randrange(1_000)}"
        traders = [
            Trader(self.resident, self.told, f"r{named}-{one}", random.Random(self.chance.random()))  # noqa: S311
            for one in range(TRADERS)
        ]
        threads = [threading.Thread(target=trader.trade) for trader in traders]
        threads.append(threading.Thread(target=listen, args=(self.resident, self.told)))
        for thread in threads:
            thread.start()
        time.sleep(self.chance.uniform(0.05, LONGEST_S))
        if ends in ("stop", "kill at end"):
            process.send_signal(signal.SIGTERM)
            if ends == "stop":
                assert process.wait(timeout=30) == 0
            else:
                time.sleep(self.chance.uniform(0.0, 0.1))
        process.kill()
        for thread in threads:
            thread.join(timeout=30)
            assert not thread.is_alive()
        assert [one for trader in traders for one in trader.strange] == []

    def _look(self) -> None:
        """At an engine that has come back; what nobody was told of is asked for again."""
        assert self.fold is not None
        lately = list(self.told.sent)
        asked = {*lately[-2 * AGAIN :], *self.chance.sample(lately, min(AGAIN, len(lately)))}
        restarted_as_it_was(self.resident, self.fold, self.told, asked)
        with Caller(self.resident) as caller:
            for own in self.told.unanswered():
                status, data = caller.call("POST", "/api/v1/orders", self.told.sent[own])
                assert status in ((200,) if own in self.fold.intents else (201, 422)), data
                self.told.answer("POST", own, status, data)

    def _count(self) -> None:
        assert self.fold is not None
        self.figures = {
            "events": len(self.fold.events),
            "orders by hand": sum(not one.get("strategy") for one in self.fold.intents.values()),
            "fills": sum(one.type == "OrderFilled" for one in self.fold.events),
            "exits that filled": sum(
                bool(self.fold.filled[own]) for own, one in self.fold.intents.items() if one.get("parent")
            ),
            "answers": len(self.told.answers),
            "events told": len(self.told.events),
        }


def killed(rounds: Rounds, kills: int) -> None:
    """Go on until so many kills have been survived, and then once more to look."""
    while rounds.kills < kills:
        rounds.go()
    with rounds.resident.start(1) as process:
        rounds.resident.await_health(process)
        assert rounds.fold is not None
        restarted_as_it_was(rounds.resident, rounds.fold, rounds.told, rounds.told.sent)
        await_quiet(rounds.resident.journal)
        process.terminate()
        assert process.wait(timeout=30) == 0
    rounds.fold = journal_is_whole(rounds.resident, rounds.told)


def test_killed_under_load_it_loses_nothing_that_it_told_and_doubles_nothing(tmp_path: Path, free_port: int) -> None:
    chance = random.Random(5)  # noqa: S311 - moments and orders, no secrets
    left, home = KILLS, 0
    while left > 0:
        home += 1
        rounds = Rounds(Resident(tmp_path / f"home-{home}", free_port), chance)
        killed(rounds, min(left, KILLS_OF_A_HOME))
        left -= rounds.kills
        print(f"home {home}: {rounds.kills} kills, {json.dumps(rounds.figures)}", flush=True)  # noqa: T201 - how far it is
        assert rounds.figures["exits that filled"] > 0


def test_what_is_told_outlives_a_power_cut_that_takes_all_that_was_not_flushed(tmp_path: Path, free_port: int) -> None:
    library = tmp_path / "synced.so"
    source = ROOT / "tests" / "live_engine" / "crash" / "synced.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
    chance = random.Random(7)  # noqa: S311 - moments and orders, no secrets
    left, home = CUTS, 0
    while left > 0:
        home += 1
        resident = Resident(tmp_path / f"home-{home}", free_port, synced=(library, tmp_path / f"synced-{home}"))
        rounds = Rounds(resident, chance)
        killed(rounds, min(left, KILLS_OF_A_HOME))
        left -= rounds.kills
        print(f"home {home}: {rounds.kills} power cuts, {json.dumps(rounds.figures)}", flush=True)  # noqa: T201 - how far it is
        assert rounds.figures["events told"] > 0
