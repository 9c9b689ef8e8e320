"""A real engine as a process of its own, on simulated prices and a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from live_engine.api.tokens import RANK, Tokens, tokens_file
from live_engine.journal.reader import JournalReader
from live_engine.settings import journal_file
from tests.live_engine.calling import Calling, Reply
from tests.network import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_engine.events import Body

ROOT = Path(__file__).resolve().parents[3]
WIDE = """[live.risk]
max_order_quantity = "1e9"
max_order_notional = "1e12"
max_position_quantity = "1e9"
max_position_notional = "1e12"
max_gross_exposure = "1e6"
max_daily_loss = "1e9"
max_drawdown_pct = "100"
max_orders_per_second = 1_000_000
max_orders_per_minute = 1_000_000
max_orders_per_day = 1_000_000
duplicate_window_s = 0.0
"""
LIVE = 'prices = "simulated"\nsymbols = ["A", "B"]\nspeed = 20.0\n'


@dataclass
class Engine(Calling):
    """A running engine; `acknowledged` are the orders that it said it has."""

    home: Path
    config: Path
    port: int
    process: subprocess.Popen[str]
    secrets: dict[str, str]
    acknowledged: set[str] = field(default_factory=set)

    @property
    def journal(self) -> Path:
        """Its journal."""
        return journal_file(self.home)

    @property
    def tokens(self) -> Tokens:
        """Its tokens; it takes note of changes at once."""
        return Tokens(tokens_file(self.home))

    def place(self, body: dict[str, object]) -> Reply:
        """Place an order as the trader."""
        done = self.call("POST", "/api/v1/orders", body, role="trader")
        if done.status == 201:
            self.acknowledged.add(str(body["client_order_id"]))
        return done

    def raw(self) -> socket.socket:
        """A bare connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def trades(self) -> bool:
        """Whether an order at market fills soon."""
        name = f"alive-{time.monotonic_ns()}"
        done = self.place(order(name, type="market", limit_price=None))
        assert done.status == 201, done.body
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.call("GET", f"/api/v1/orders/{name}", role="viewer").json["status"] == "FILLED":
                return True
            time.sleep(0.05)
        return False

    def bodies(self) -> list[Body]:
        """Everything that its journal holds."""
        with JournalReader(self.journal) as reader:
            return [event.body for event in reader.since(0)]

    def rss_mb(self) -> float:
        """What it has in memory, in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def ends(self) -> tuple[int, str]:
        """Tell it to end; its exit code and what it complained of."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=30)
        return self.process.returncode, err


def order(client_order_id: str = "a-1", /, **more: object) -> dict[str, object]:
    """A good order that waits, with changes."""
    fields: dict[str, object] = {
        "symbol": "A",
        "side": "buy",
        "type": "limit",
        "quantity": "10",
        "limit_price": "50.00",
        "time_in_force": "gtc",
    }
    return {"client_order_id": client_order_id, **fields, **more}


def command(config: Path, *words: str) -> list[str]:
    """The program, as a command."""
    return [sys.executable, "-m", "live_engine", *words, "--config", str(config)]


def environment() -> dict[str, str]:
    """Without settings of whoever runs the tests."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PI5_")}
    return {**clean, "PYTHONPATH": str(ROOT)}


def run(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The program, to its end."""
    return subprocess.run(
        command(config, *words), env=environment(), capture_output=True, text=True, timeout=60, check=False
    )


def configure(folder: Path, live: str = LIVE, risk: str = WIDE, *, port: int = 0, home: Path | None = None) -> Path:
    """A pi5.toml; with port 0 a free one is taken."""
    config = folder / "pi5.toml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(f'home = "{home or folder / "var"}"\n[live]\nport = {port or free_port()}\n{live}\n{risk}')
    return config


@contextmanager
def running(config: Path, *, home: Path | None = None, files: int = 0) -> Iterator[Engine]:
    """An engine that answers, for the time of a block; `files` is how many it may have open."""
    home = home or config.parent / "var"
    secrets: dict[str, str] = {role: _token(home, role) for role in RANK}
    port = int(config.read_text().partition("port = ")[2].split()[0])
    words = command(config, "run")
    if files:
        words = ["bash", "-c", f'ulimit -n {files} && exec "$@"', "bash", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, env=environment(), stdout=pipe, stderr=pipe, text=True) as process:
        engine = Engine(home, config, port, process, secrets)
        try:
            _wait(engine)
            yield engine
        finally:
            process.kill()


def _token(home: Path, role: str) -> str:
    tokens = Tokens(tokens_file(home))
    if (standing := tokens.by_name(role)) is not None:
        tokens.revoke(standing.name, time.time_ns())
    return tokens.create(role, role, 1, time.time_ns())  # type: ignore[arg-type] # one of RANK


def _wait(engine: Engine) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if engine.process.poll() is not None:
            raise AssertionError(engine.process.communicate())
        with suppress(OSError):
            positions = engine.call("GET", "/api/v1/account", role="viewer")
            if positions.status == 200 and engine.call("GET", "/health").status == 200 and _is_priced(engine):
                return
        time.sleep(0.05)
    raise AssertionError("the engine does not answer")


def _is_priced(engine: Engine) -> bool:
    """Whether an order that would be sent to nobody is refused for another reason than its price."""
    return any(type(body).__name__ == "StreamConnected" for body in engine.bodies())
