"""A session of thousands of orders of the real engine, killed on its way: the replay finds the same trades."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from live_engine.errors import JournalMissingError
from live_engine.events import BarClosed, Event, KillSwitchRearmed, KillSwitchSet, OrderFilled, OrderSubmitted
from live_engine.journal.reader import JournalReader
from live_engine.journal.schema import checksum
from live_engine.journal.verify import verify
from pi5_pipelines.settings import Settings
from pi5_pipelines.trading_day.journal_days import DAY_NS, DayEvents, day_of
from pi5_pipelines.trading_day.write import page_file, read_check, read_report, write_check, write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

    from live_engine.events import Body
    from pi5_pipelines.backtest.bars import Bars

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("paper_session")]
ROOT = Path(__file__).resolve().parents[2]
BARS, ORDERS = 3_400, 5_000
CASH = 80_000  # of three strategies, and of orders by hand
CONFIG = """home = "{home}"
[live]
port = 0
prices = "{prices}"
speed = 0.0
[[live.strategies]]
name = "atr_breakout"
symbol = "RND"
timeframe = "1m"
fee_bps = 2.0
tick = 0.01
[[live.strategies]]
name = "rsi_mean_reversion"
symbol = "RND"
timeframe = "1m"
slippage_bps = 1.0
fill = "close"
[[live.strategies]]
name = "sma_cross"
symbol = "RND"
params = {{ fast = 2, slow = 4 }}
timeframe = "1m"
cash = 50000.0
[live.risk]
max_order_quantity = "1e9"
max_order_notional = "1e12"
max_position_quantity = "1e9"
max_position_notional = "1e12"
max_gross_exposure = "1e6"
max_daily_loss = "1e9"
max_drawdown_pct = "100"
max_orders_per_second = 1000
max_orders_per_minute = 10000
max_orders_per_day = 1000000
"""


class Session:
    """A home in which the engine has traded for a while."""

    def __init__(self, folder: Path, bars: Bars) -> None:
        self.config, self.prices = folder / "pi5.toml", folder / "RND.csv"
        self.settings = Settings(home=str(folder / "home"))
        self.journal = self.settings.folder("journal") / "live.sqlite"
        self.prices.write_text(as_csv(bars))
        self.config.write_text(CONFIG.format(home=self.settings.home, prices=self.prices))

    def command(self, *words: str) -> list[str]:
        """A command line of the engine's."""
        return [sys.executable, "-m", "live_engine", *words, "--config", str(self.config)]

    @contextmanager
    def engine(self) -> Iterator[subprocess.Popen[str]]:
        """The engine as a process of its own; whatever a test finds, it does not outlive it."""
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        pipe = subprocess.PIPE
        with subprocess.Popen(self.command("run"), env=env, stdout=pipe, stderr=pipe, text=True) as process:
            try:
                yield process
            finally:
                process.kill()

    def wait_for(self, kind: type[Body], count: int) -> None:
        """Wait until the journal holds so many of such events."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with suppress(JournalMissingError), JournalReader(self.journal) as reader:
                if len(reader.of_type(kind, 0, count)) >= count:
                    return
            time.sleep(0.05)
        raise AssertionError(f"no {kind.__name__} came")

    def switch(self, *words: str) -> None:
        """Throw the kill switch, or take it back."""
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(self.command("kill", *words, "--reason", "a test"), env=env, check=True, capture_output=True)

    def events(self) -> list[Event]:
        """Everything the journal holds."""
        with JournalReader(self.journal) as reader:
            return list(reader.since(0))

    def days(self) -> list[date]:
        """The days that it traded on: two when midnight has passed meanwhile."""
        return sorted({day_of(event.wall_ns) for event in self.events()})


def as_csv(bars: Bars) -> str:
    rows = zip(bars.ts_us.tolist(), bars.open, bars.high, bars.low, bars.close, bars.volume, strict=True)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    lines = [
        f"{epoch + timedelta(microseconds=ts_us):%Y-%m-%d %H:%M:%S},{','.join(repr(float(one)) for one in row)}"
        for ts_us, *row in rows
    ]
    return "\n".join(["Date,Open,High,Low,Close,Volume", *lines]) + "\n"


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory, random_bars: Callable[..., Bars]) -> Session:
    """Bars of two days, minute by minute, traded by an engine that is killed, started anew, flattened and re-armed."""
    made = Session(tmp_path_factory.mktemp("session"), random_bars(11, BARS, step_us=60_000_000, volatility=0.002))
    with made.engine() as process:
        made.wait_for(BarClosed, 300)
        process.kill()
        process.wait()
    with made.engine() as process:
        made.wait_for(BarClosed, 400)
        made.switch("flatten")
        made.wait_for(KillSwitchSet, 1)
        made.switch("rearm")
        made.wait_for(KillSwitchRearmed, 1)
        out, err = process.communicate(timeout=240)
        assert (process.returncode, err) == (0, "")
        assert out.startswith("ended: the prices ended")
    return made


def test_without_faults_the_difference_is_exactly_zero(session: Session) -> None:
    kinds = Counter(type(event.body) for event in session.events())
    assert kinds[OrderSubmitted] >= ORDERS
    assert kinds[BarClosed] == BARS
    found = [write_check(session.settings, day) for day in session.days()]
    assert [one.differences for one in found] == [[]] * len(found)
    assert sum(one.difference for one in found) == 0
    assert sum(one.live for one in found) == sum(one.simulated for one in found) == kinds[OrderFilled] > 500
    assert all(one.good for one in found)
    assert sum(one.facts.get("uses of the kill switch", 0) for one in found) == 1
    assert [read_check(session.settings, day) for day in session.days()] == found


def test_the_report_adds_up_to_what_the_account_was_marked_at(session: Session) -> None:
    found = [write_report(session.settings, day, now_ns=time.time_ns() + DAY_NS) for day in session.days()]
    assert sum(one.uptime.kills for one in found) == 1
    assert sum(one.uptime.starts for one in found) == 2
    assert [(use.what, use.reason) for one in found for use in one.kill_switch] == [
        ("flatten", "a test"),
        ("rearm", "a test"),
    ]
    pnl = sum((one.totals[0].pnl for one in found), Decimal(0))
    assert found[0].equity_start == CASH
    assert found[-1].equity_end is not None
    assert float(pnl) == pytest.approx(float(found[-1].equity_end - CASH), abs=1e-6)
    assert [one.unexplained for one in found] == [[]] * len(found)
    for one, day in zip(found, session.days(), strict=True):
        assert read_report(session.settings, day) == one
        assert f"{one.orders:,} orders were wanted" in page_file(session.settings, day).read_text(encoding="utf-8")


def test_a_fill_that_was_tampered_with_in_the_file_is_found(session: Session, tmp_path: Path) -> None:
    copy = Settings(home=str(tmp_path))
    path = copy.folder("journal") / "live.sqlite"
    path.parent.mkdir()
    shutil.copy(session.journal, path)
    fills = [event for event in session.events() if isinstance(event.body, OrderFilled)]
    victim = fills[len(fills) // 2]
    assert isinstance(victim.body, OrderFilled)
    body = msgspec.structs.replace(victim.body, price=victim.body.price + Decimal("0.01"))
    text = msgspec.json.encode(body)
    with closing(sqlite3.connect(path)) as database, database:
        row = (text.decode(), checksum(victim.seq, text), victim.seq)
        assert database.execute("UPDATE events SET body = ?, crc = ? WHERE seq = ?", row).rowcount == 1
    assert verify(path).problems == ()
    day = day_of(victim.wall_ns)
    (difference,) = write_check(copy, day).differences
    assert difference.kind == "different"
    assert difference.live is not None
    assert difference.simulated is not None
    assert (difference.live.client_order_id, difference.live.price) == (body.client_order_id, body.price)
    assert difference.simulated.price == victim.body.price
    assert abs(difference.cash) == Decimal("0.01") * body.quantity
    write_report(copy, day)
    page = page_file(copy, day).read_text(encoding="utf-8")
    assert body.client_order_id in page
    assert "1 difference, together" in page
    assert list(DayEvents(copy, day))[victim.seq - 1].body == body
