"""An engine that takes orders without a pause: its memory stays as it is, and its journal tells what it holds.

Thirty thousand events by default; PI5_SOAK_EVENTS=1000000 is the full proof (`make soak`). The load is that of the
benchmarks. At ten events a second, a busy day's pace, a million are 28 hours: what is added in a million would be added
in those.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from live_engine.api.tokens import Tokens, tokens_file
from live_engine.journal.reader import JournalReader
from live_engine.orders.book import OrderBook
from tests.live_engine.crash.resident import BY_HAND, ROOT, Caller, Resident

if TYPE_CHECKING:
    from collections.abc import Sequence

EVENTS = int(os.environ.get("PI5_SOAK_EVENTS", "30000"))
BURST_S = 2.0 if EVENTS < 100_000 else 10.0
CALLERS = 8
SPEED = "4"  # a price of each symbol every 62 ms: most events are those of orders
MILLION = 1_000_000
MB_PER_MILLION = 28.0  # 1 MB an hour at ten events a second
FILLING_MB = 8.0  # what is remembered of a minute, and the allocator's own moods, in a run that is over before

pytestmark = pytest.mark.slow


def test_memory_stays_flat_and_positions_are_what_the_journal_tells(
    tmp_path: Path, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_LIVE_SPEED", SPEED)
    resident = Resident(tmp_path / "engine", free_port)
    tokens = Tokens(tokens_file(resident.folder / "var"))
    secrets = [tokens.create(f"soak-{number}", "trader", 1, time.time_ns()) for number in range(CALLERS)]
    seen: list[tuple[int, float]] = []
    with resident.start(seed=7) as process:
        resident.await_health(process)
        while not seen or seen[-1][0] < EVENTS:
            _load(resident, secrets, f"soak-{len(seen)}")
            seen.append((_last_seq(resident), _rss_mb(process.pid)))
        held = _settled_positions(resident)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    steady = [one for one in seen if one[0] > seen[-1][0] * 0.4]
    slope = _slope(steady) * MILLION
    grown = steady[-1][1] - steady[0][1]
    print(f"{seen[-1][0]} events; {seen[0][1]:.1f} to {seen[-1][1]:.1f} MB, {slope:.1f} MB a million events")  # noqa: T201 - what `make soak` is run for
    assert grown < FILLING_MB if EVENTS < MILLION else slope < MB_PER_MILLION, seen
    verified = subprocess.run(
        [sys.executable, "-m", "live_engine", "journal", "verify", "--config", str(resident.config)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert held == _folded(resident.journal)
    assert any(held.values()) or len(seen) > 1


def _load(resident: Resident, secrets: Sequence[str], named: str) -> None:
    """Orders for a while, each connection sending its next one when the one before is answered."""
    task = {
        "port": resident.port,
        "secrets": secrets,
        "symbols": BY_HAND,
        "named": named,
        "connections": CALLERS * 2,
        "seconds": BURST_S,
    }
    script = ROOT / "benchmarks" / "engine_load.py"
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(task), stdout=subprocess.PIPE, text=True, check=True
    )
    assert set(json.loads(done.stdout)["statuses"]) <= {"201", "429"}


def _last_seq(resident: Resident) -> int:
    with Caller(resident) as caller:
        status, found = caller.call("GET", "/api/v1/events?limit=1")
    assert status == 200
    seq: int = found["last_seq"]
    return seq


def _rss_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _settled_positions(resident: Resident) -> dict[str, Decimal]:
    """What the engine says it holds once no order by hand works any more."""
    with Caller(resident) as caller:
        deadline = time.monotonic() + 60
        while caller.call("GET", "/api/v1/orders?state=open&limit=1")[1]["orders"]:
            assert time.monotonic() < deadline, "orders do not fill"
            time.sleep(0.05)
        _, found = caller.call("GET", "/api/v1/positions")
    return {one["symbol"]: Decimal(one["quantity"]) for one in found["positions"] if one["symbol"] in BY_HAND[1:]}


def _folded(journal: Path) -> dict[str, Decimal]:
    """The same out of the journal alone; of AAA a strategy may trade on until the end."""
    book = OrderBook()
    with JournalReader(journal) as reader:
        for event in reader.since(0):
            book.apply(event.body, event.seq, event.wall_ns)
    return {symbol: one.quantity for symbol, one in book.positions.by_symbol.items() if symbol in BY_HAND[1:]}


def _slope(points: Sequence[tuple[int, float]]) -> float:
    """MB an event, by least squares."""
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(axis) / len(points) for axis in zip(*points, strict=True))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return float(sum((x - mean_x) * (y - mean_y) for x, y in points) / spread)
