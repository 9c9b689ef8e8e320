"""The engine as a process: it trades as a backtest does, ends in order, and a kill changes nothing it wrote."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from live_engine.errors import JournalMissingError
from live_engine.events import (
    BarClosed,
    EngineStarted,
    EngineStopped,
    HealthChanged,
    OrderFilled,
    OrderIntent,
    StreamConnected,
    StreamStale,
)
from live_engine.journal.reader import JournalReader
from live_engine.journal.verify import verify
from live_engine.kept import Kept, unpack
from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from live_engine.events import Body

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("PI5_KILLS", "3"))
SMA = '[[live.strategies]]\nname = "sma_cross"\nsymbol = "GOOG"\nparams = { fast = 10, slow = 30 }\n'
ATR = '[[live.strategies]]\nname = "atr_breakout"\nsymbol = "GOOG"\n'
WIDE = """[live.risk]
max_order_quantity = "1e9"
max_order_notional = "1e12"
max_position_quantity = "1e9"
max_position_notional = "1e12"
max_gross_exposure = "1e6"
max_daily_loss = "1e9"
max_drawdown_pct = "100"
"""
OF_A_RUN = (EngineStarted, EngineStopped, HealthChanged, StreamConnected, StreamStale)


class Home:
    """A folder with a pi5.toml, and the engine run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "pi5.toml"
        self.journal = folder / "var" / "journal" / "live.sqlite"

    def configure(self, live: str, strategies: str = SMA, risk: str = WIDE) -> None:
        """Write pi5.toml, of an engine that answers nobody and that no limit holds up."""
        port = "" if "port =" in live else "port = 0\n"
        self.config.write_text(f'home = "{self.folder / "var"}"\n[live]\n{port}{live}\n{strategies}{risk}')

    @contextmanager
    def start(self, **environ: str) -> Iterator[subprocess.Popen[str]]:
        """Start the engine; whatever a test finds, it does not outlive it."""
        command = [sys.executable, "-m", "live_engine", "run", "--config", str(self.config)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=self.folder, env=env, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self) -> tuple[int, str, str]:
        """Run it to its end: exit code, answer, complaint."""
        with self.start() as process:
            out, err = process.communicate(timeout=60)
            return process.returncode, out, err

    def bodies(self) -> list[Body]:
        """Everything the journal holds."""
        with JournalReader(self.journal) as reader:
            return [event.body for event in reader.since(0)]

    def traded(self) -> list[Body]:
        """What does not depend on how often the engine was started."""
        return [body for body in self.bodies() if not isinstance(body, OF_A_RUN)]

    def wait_for(self, kind: type[Any], count: int = 1) -> None:
        """Wait until the journal holds so many of such events."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(JournalMissingError):
                if sum(isinstance(body, kind) for body in self.bodies()) >= count:
                    return
            time.sleep(0.05)
        raise AssertionError(f"no {kind.__name__} came")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    return Home(tmp_path)


@pytest.fixture
def prices(tmp_path: Path, goog_file: Path) -> Path:
    """The first 600 days of GOOG: every bar waits for the disk."""
    path = tmp_path / "GOOG.csv"
    path.write_text("".join(goog_file.read_text().splitlines(keepends=True)[:601]))
    return path


@pytest.fixture
def goog_home(home: Home, prices: Path) -> Home:
    """A home whose engine replays GOOG as fast as it can."""
    home.configure(f'prices = "{prices}"\nspeed = 0.0', SMA + ATR)
    return home


def test_a_replayed_history_trades_as_the_backtest_does_and_a_second_run_adds_nothing(
    goog_home: Home, prices: Path
) -> None:
    code, out, err = goog_home.run()
    assert (code, err) == (0, "")
    assert out.startswith("ended: the prices ended; the journal holds ")
    traded = goog_home.traded()
    bars = bars_from_file(prices)
    for name, params in (("sma_cross", {"fast": 10.0, "slow": 30.0}), ("atr_breakout", {})):
        spec = BacktestSpec(strategy=name, params=params, cash=10_000.0, direction="both", close_at_end=False)
        found = run_backtest(spec, [bars], interpreted=True).fills
        mine = [one for one in traded if isinstance(one, OrderFilled) and one.client_order_id.startswith(name)]
        assert [(one.traded_ns // 1_000, float(one.quantity), float(one.price)) for one in mine] == list(
            zip(found["ts"].dt.epoch("us"), found["quantity"], found["price"], strict=True)
        )
        assert len(mine) > 20
    assert goog_home.run()[0] == 0
    assert goog_home.traded() == traded
    assert verify(goog_home.journal).problems == ()


def test_status_is_the_fold_of_the_journal(goog_home: Home) -> None:
    assert goog_home.run()[0] == 0
    command = [sys.executable, "-m", "live_engine", "status", "--config", str(goog_home.config)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, "--json"], env=env, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    bodies = goog_home.bodies()
    sides = {one.client_order_id: 1 if one.side == "buy" else -1 for one in bodies if isinstance(one, OrderIntent)}
    fills = [one for one in bodies if isinstance(one, OrderFilled)]
    assert (found["events"], found["orders"]) == (len(bodies), len(sides))
    (position,) = found["positions"]
    assert Decimal(position["quantity"]) == sum(sides[one.client_order_id] * one.quantity for one in fills)
    paid = sum(sides[one.client_order_id] * one.quantity * one.price for one in fills)
    assert Decimal(found["cash"]["USD"]) == -paid - sum(one.fee for one in fills)
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert told.startswith(f"{len(bodies)} events; {len(sides)} orders, ")
    goog_home.journal.unlink()
    gone = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert (gone.returncode, gone.stderr.count("\n")) == (1, 1)


def test_killed_at_any_moment_it_goes_on_to_the_same_journal(goog_home: Home, tmp_path: Path, prices: Path) -> None:
    whole = Home(tmp_path / "undisturbed")
    whole.folder.mkdir()
    whole.configure(f'prices = "{prices}"\nspeed = 0.0', SMA + ATR)
    began = time.monotonic()
    assert whole.run()[0] == 0
    length_s = time.monotonic() - began
    chance = random.Random(5)  # noqa: S311 - moments, not secrets
    for _ in range(KILLS):
        with goog_home.start() as process:
            time.sleep(chance.uniform(0.2, length_s * 0.6))
            process.kill()
    assert goog_home.run()[0] == 0
    assert goog_home.traded() == whole.traded()
    assert verify(goog_home.journal).problems == ()


def test_sigterm_ends_it_in_order_and_the_next_start_goes_on(home: Home) -> None:
    home.configure("speed = 600.0", SMA.replace("GOOG", "A").replace("params", 'timeframe = "1m"\nparams'))
    for start in (1, 2):
        with home.start() as process:
            home.wait_for(EngineStarted, start)
            home.wait_for(BarClosed)
            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
            assert (process.returncode, err) == (0, "")
            assert out.startswith("ended: told to stop")
            assert time.monotonic() - began < 10
    *_, last = home.bodies()
    assert last == EngineStopped(reason="told to stop")
    restored = [body.restored_seq for body in home.bodies() if isinstance(body, EngineStarted)]
    assert restored[0] == 0 < restored[1]


def test_systemd_hears_ready_then_that_it_lives_then_that_it_stops(home: Home, tmp_path: Path) -> None:
    home.configure("speed = 1.0", SMA.replace("GOOG", "A"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(30)
        with home.start(NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="400000") as process:
            assert listener.recv(100) == b"READY=1"
            assert [listener.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
            process.send_signal(signal.SIGTERM)
            heard = listener.recv(100)
            while heard == b"WATCHDOG=1":
                heard = listener.recv(100)
            assert heard == b"STOPPING=1"
            assert process.wait(timeout=30) == 0


def test_without_anybody_to_notify_it_trades_all_the_same(goog_home: Home, tmp_path: Path) -> None:
    with goog_home.start(NOTIFY_SOCKET=str(tmp_path / "gone")) as process:
        assert process.communicate(timeout=60)[1] == ""
        assert process.returncode == 0


@pytest.mark.parametrize("spoilt", [True, False])
def test_a_snapshot_is_taken_up_unless_it_is_of_other_code_or_cannot_be_read(goog_home: Home, *, spoilt: bool) -> None:
    assert goog_home.run()[0] == 0
    before = goog_home.traded()
    with closing(sqlite3.connect(goog_home.journal)) as database, database:
        if spoilt:
            database.execute("UPDATE snapshots SET body = x'93'")
        (body,) = database.execute("SELECT body FROM snapshots ORDER BY seq DESC").fetchone()
    assert (unpack(body) is None) == spoilt
    assert unpack(msgspec.msgpack.encode(Kept("other code", b""))) is None
    assert goog_home.run()[0] == 0
    assert goog_home.traded() == before


def test_two_engines_on_one_journal_are_refused(home: Home) -> None:
    home.configure("speed = 1.0", SMA.replace("GOOG", "A"))
    with home.start() as first:
        home.wait_for(EngineStarted)
        code, _, err = home.run()
        assert code == 1
        assert err.startswith(f"error: {home.journal}: ")
        first.terminate()


@pytest.mark.parametrize(
    ("live", "strategies", "code", "told"),
    [
        ("", "", 2, "there is nothing to trade"),
        ("", SMA.replace("sma_cross", "sma_crass"), 2, "sma_crass"),
        ("", SMA + SMA, 2, "there are 2 entries"),
        ('prices = "gone.csv"', SMA, 1, "gone.csv"),
        ('prices = "bad.csv"', SMA, 1, "bad.csv, line 2"),
        ('prices = "export"', SMA, 1, "market.sqlite: there is no such file"),
        ('prices = "bad.csv"', SMA + SMA.replace("GOOG", "A"), 2, "a file holds one symbol"),
        ("speed = -1", SMA, 2, "live.speed"),
        ('tls_cert = "a.pem"', SMA, 2, "key 'live.tls_key' is missing"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else None,
)
def test_what_cannot_be_run_is_one_clear_line(home: Home, live: str, strategies: str, code: int, told: str) -> None:
    (home.folder / "bad.csv").write_text("Date,Open,High,Low,Close,Volume\n2024-03-04,x,1,1,1,1\n")
    home.configure(live, strategies)
    found, out, err = home.run()
    assert (found, out) == (code, "")
    assert err.startswith("error: ")
    assert told in err
    assert err.count("\n") == 1
