"""An engine as a process of its own: a home, a start, and the ways in which it can go down."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from live_engine.api.tokens import Tokens, tokens_file
from live_engine.settings import load_settings

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from live_engine.settings import LiveSettings

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 60.0
SECTOR = 512
HAND_CASH = 1_000_000
STRATEGY_CASH = 10_000
BY_HAND = ("AAA", "BBB", "SAFE")
SETTINGS = """home = "{home}"
[live]
port = {port}
prices = "simulated"
speed = 60.0
symbols = ["AAA", "BBB", "SAFE"]
[live.hand]
cash = {cash}
fee_bps = 1.0
slippage_bps = 2.0
[[live.strategies]]
name = "sma_cross"
symbol = "AAA"
timeframe = "1m"
params = {{ fast = 2, slow = 4 }}
cash = {strategy_cash}
[[live.strategies]]
name = "sma_cross"
symbol = "CCC"
timeframe = "1m"
params = {{ fast = 2, slow = 3 }}
cash = {strategy_cash}
[live.risk]
max_order_quantity = "1000"
max_order_notional = "1e12"
price_collar_bps = "100000"
max_position_quantity = "1e9"
max_position_notional = "1e12"
max_gross_exposure = "1e6"
max_orders_per_second = 1000000
max_orders_per_minute = 1000000
max_orders_per_day = 1000000
max_daily_loss = "1e9"
max_drawdown_pct = "100"
forbid_self_cross = false
duplicate_window_s = 0
"""


class Resident:
    """A home with an engine in it; with `synced` (a library, and a folder) what is flushed is kept there too."""

    def __init__(self, folder: Path, port: int, *, synced: tuple[Path, Path] | None = None) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port, self.synced = folder, port, synced
        self.config = folder / "pi5.toml"
        home = folder / "var"
        self.config.write_text(
            SETTINGS.format(home=home, port=port, cash=HAND_CASH, strategy_cash=STRATEGY_CASH), encoding="utf-8"
        )
        self.journal = home / "journal" / "live.sqlite"
        tokens = Tokens(tokens_file(home))
        self.secrets = {role: tokens.create(role, role, 1, time.time_ns()) for role in ("trader", "admin")}

    @property
    def live(self) -> LiveSettings:
        """The settings as the engine reads them."""
        return load_settings(self.config, {})

    @contextmanager
    def start(self, seed: int) -> Iterator[subprocess.Popen[str]]:
        """Start the engine on a walk of prices; it does not outlive the test."""
        command = [sys.executable, "-m", "live_engine", "run", "--config", str(self.config)]
        environ = {**os.environ, "PYTHONPATH": str(ROOT), "PI5_LIVE_SEED": str(seed)}
        if self.synced is not None:
            library, folder = self.synced
            folder.mkdir(exist_ok=True)
            environ |= {"LD_PRELOAD": str(library), "SYNCED": str(folder)}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=self.folder, env=environ, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def await_health(self, process: subprocess.Popen[str]) -> None:
        """Return when the engine answers: its state is restored, and what a crash had left undone is done."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            try:
                with Caller(self) as caller:
                    if caller.call("GET", "/health")[0] == http.client.OK:
                        return
            except (OSError, http.client.HTTPException):
                time.sleep(0.02)
        raise AssertionError("the engine does not answer")

    def copy_to(self, folder: Path) -> Path:
        """The journal's files as a machine that goes down now leaves them; nobody may be writing."""
        folder.mkdir()
        for suffix in ("", "-wal"):
            if Path(f"{self.journal}{suffix}").exists():
                shutil.copy(f"{self.journal}{suffix}", folder)
        return folder / self.journal.name

    def cut_power(self, chance: random.Random) -> None:
        """After a kill: of what was written and not flushed nothing is left, or all, or some sectors of it."""
        assert self.synced is not None
        keeps = chance.choice((0.0, 0.5, 1.0))
        Path(f"{self.journal}-shm").unlink(missing_ok=True)
        for suffix in ("", "-wal"):
            file = Path(f"{self.journal}{suffix}")
            kept = self.synced[1] / file.name
            if not file.exists():
                continue
            old = kept.read_bytes() if kept.exists() else b""
            file.write_bytes(torn(old, file.read_bytes(), keeps, chance))
            shutil.copy(file, kept)


def torn(old: bytes, new: bytes, keeps: float, chance: random.Random) -> bytes:
    """What lies on a device that was flushed as `old` and written to as `new`, each sector with a chance."""
    if keeps in (0.0, 1.0):
        return new if keeps else old
    length = chance.randrange(min(len(old), len(new)), max(len(old), len(new)) + 1)
    pieces = []
    for start in range(0, length, SECTOR):
        source = new if chance.random() < keeps else old
        piece = source[start : start + SECTOR]
        pieces.append(piece.ljust(SECTOR, b"\0"))
    return b"".join(pieces)[:length]


class Caller:
    """One connection to the API."""

    def __init__(self, resident: Resident) -> None:
        self._secrets = resident.secrets
        self._http = http.client.HTTPConnection("127.0.0.1", resident.port, timeout=10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, path: str, body: object = None, *, role: str = "trader") -> tuple[int, dict[str, Any]]:
        """Status and answer; OSError or HTTPException when there was none."""
        headers = {"Authorization": f"Bearer {self._secrets[role]}"}
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body)
        self._http.request(method, path, data, headers)
        response = self._http.getresponse()
        content = response.read()
        found: dict[str, Any] = json.loads(content)
        return response.status, found


def frozen_copy(resident: Resident, process: subprocess.Popen[str], folder: Path) -> Path:
    """The journal's files at one moment of a running engine."""
    process.send_signal(signal.SIGSTOP)
    try:
        _await_stopped(process.pid)
        return resident.copy_to(folder)
    finally:
        process.send_signal(signal.SIGCONT)


def _await_stopped(pid: int) -> None:
    """Every thread has stopped: one within a write to the disk ends that first."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        states = [
            (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            for task in Path(f"/proc/{pid}/task").iterdir()
        ]
        if set(states) == {"T"}:
            return
        time.sleep(0.001)
    raise AssertionError("the engine does not stop")
