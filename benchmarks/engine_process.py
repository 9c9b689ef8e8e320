"""A live engine as a process of its own for benchmarks: a home with wide limits, a start, and what it takes."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from measure import ROOT

from live_engine.api.tokens import Tokens, tokens_file

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 900.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
TOKENS = 16  # one credential may ask 1,000 times a second
SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
SETTINGS = """home = "{home}"
[live]
port = {port}
prices = "simulated"
speed = {speed}
symbols = [{symbols}]
[live.hand]
cash = 1000000000
[live.risk]
max_order_quantity = "1e9"
max_order_notional = "1e12"
price_collar_bps = "100000"
max_position_quantity = "1e9"
max_position_notional = "1e12"
max_gross_exposure = "1e6"
max_orders_per_second = 1000000000
max_orders_per_minute = 1000000000
max_orders_per_day = 1000000000
max_daily_loss = "1e12"
max_drawdown_pct = "100"
forbid_self_cross = false
duplicate_window_s = 0
"""


class Engine:
    """A home in `folder`; `speed` 4 makes a price of each of the symbols every 62 ms."""

    def __init__(self, folder: Path, *, speed: float = 4.0, symbols: tuple[str, ...] = SYMBOLS) -> None:
        folder.mkdir(parents=True)
        self.folder, self.port, self.pid = folder, _free_port(), 0
        self.config, self.home = folder / "pi5.toml", folder / "var"
        self.journal = self.home / "journal" / "live.sqlite"
        named = ", ".join(f'"{symbol}"' for symbol in symbols)
        text = SETTINGS.format(home=self.home, port=self.port, speed=speed, symbols=named)
        self.config.write_text(text, encoding="utf-8")
        tokens = Tokens(tokens_file(self.home))
        self.secrets = [tokens.create(f"trader-{number}", "trader", 1, time.time_ns()) for number in range(TOKENS)]

    @contextmanager
    def running(self) -> Iterator[float]:
        """The engine from its start to its orderly end; the seconds until it said READY, as to systemd."""
        name = str(self.folder / "notify")
        command = [sys.executable, "-m", "live_engine", "run", "--config", str(self.config)]
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, (self.folder / "log").open("ab") as log:
            told.bind(name)
            told.settimeout(PATIENCE_S)
            environ = {**os.environ, "NOTIFY_SOCKET": name, "PYTHONPATH": str(ROOT)}
            began = time.perf_counter()
            with subprocess.Popen(command, cwd=self.folder, env=environ, stdout=log, stderr=log) as process:
                try:
                    while told.recv(100) != b"READY=1":
                        pass
                    ready_s = time.perf_counter() - began
                    told.close()
                    self.pid = process.pid
                    yield ready_s
                    process.send_signal(signal.SIGTERM)
                    process.wait(PATIENCE_S)
                finally:
                    process.kill()
        Path(name).unlink()

    def rss_mb(self) -> float:
        """Its resident memory now, in MB of 10^6 bytes."""
        return int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES / 1e6

    def cpu_s(self) -> float:
        """The processor time that it has taken, all threads together."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
