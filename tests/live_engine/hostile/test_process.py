"""A real engine with something wrong around it: one clear line or a clear refusal, and nothing lost."""

from __future__ import annotations

import resource
import socket
import subprocess
import time
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from live_engine.events import OrderIntent
from live_engine.journal.verify import verify
from live_engine.settings import journal_file
from tests.live_engine.hostile.engines import LIVE, WIDE, configure, order, run, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.live_engine.hostile.engines import Engine

KILL = "/api/v1/kill-switch"
FILES = 600  # that an engine may have open: its connections end at 344


def refused(config: Path, code: int, *told: str) -> None:
    """It ends with a code and one line that tells of these, beside warnings of its log."""
    done = run(config, "run")
    (line,) = (line for line in done.stderr.splitlines() if " WARNING " not in line)
    assert (done.returncode, done.stdout, line[:7]) == (code, "", "error: "), done
    for one in told:
        assert one in line


@contextmanager
def idle(engine: Engine, count: int) -> Iterator[list[socket.socket]]:
    """Connections that say nothing, kept up as the engine drops them."""
    found = [engine.raw() for _ in range(count)]
    try:
        yield found
    finally:
        for one in found:
            one.close()


@pytest.mark.slow
def test_two_engines_on_one_journal_are_refused(tmp_path: Path) -> None:
    with running(configure(tmp_path)) as first:
        other = configure(tmp_path / "other", home=first.home)
        refused(other, 1, str(first.journal))
        assert first.trades()


def test_a_port_that_is_taken_is_one_clear_line_and_the_journal_is_left_alone(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        refused(configure(tmp_path, port=port), 1, f"127.0.0.1 port {port}", "ss -ltnp")
    assert not journal_file(tmp_path / "var").exists()


@pytest.mark.parametrize(
    ("live", "told"),
    [
        (LIVE + "[live.hand]\ncahs = 1\n", "live.hand.cahs"),
        (LIVE + "[live.hand]\ncash = -1.0\n", "live.hand.cash"),
        (LIVE + '[[live.strategies]]\nname = "sma_cross"\nsymbol = "A"\nparms = {}\n', "parms"),
        ('symbols = ["A B"]\n', "live.symbols"),
        ('symbols = ["A"]\nsped = 1.0\n', "live.sped"),
        ('symbols = ["A"]\nspeed = nan\n', "live.speed"),
    ],
)
def test_a_slip_in_the_configuration_is_one_clear_line(tmp_path: Path, live: str, told: str) -> None:
    refused(configure(tmp_path, live), 2, told, "pi5.toml")


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path, small_disk: Path) -> None:
    (small_disk / "journal").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused(configure(tmp_path, home=small_disk), 1, str(small_disk / "journal"))


@pytest.mark.slow
def test_a_full_disk_ends_it_with_one_clear_line_and_what_was_acknowledged_is_kept(
    tmp_path: Path, small_disk: Path
) -> None:
    config = configure(tmp_path, home=small_disk)
    with running(config, home=small_disk) as engine:
        assert engine.trades()
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as handle, suppress(OSError):
            while True:
                handle.write(bytes(65_536))
        for number in range(2_000):
            with suppress(OSError):
                done = engine.place(order(f"full-{number}"))
                if done.status != 201:
                    assert done.is_problem(503)
                    break
            if engine.process.poll() is not None:
                break
        _, err = engine.process.communicate(timeout=30)
        assert engine.process.returncode == 1
        assert err.splitlines()[-1].startswith("error: ")
        filler.unlink()
        acknowledged = engine.acknowledged
    with running(config, home=small_disk) as engine:
        assert engine.trades()
        kept = {body.client_order_id for body in engine.bodies() if isinstance(body, OrderIntent)}
        assert acknowledged
        assert acknowledged <= kept
        assert engine.ends()[0] == 0
        assert verify(engine.journal).problems == ()


@pytest.mark.slow
def test_damaged_pages_of_the_journal_are_one_clear_line(tmp_path: Path) -> None:
    config = configure(tmp_path)
    with running(config) as engine:
        for number in range(40):
            assert engine.place(order(f"o-{number}")).status == 201
        engine.ends()
    data = bytearray(engine.journal.read_bytes())
    for page in range(2, len(data) // 4_096):
        data[page * 4_096 : page * 4_096 + 64] = b"\xa5" * 64
    engine.journal.write_bytes(data)
    refused(config, 1, str(engine.journal))


def test_when_the_market_is_closed_entries_are_refused_and_exits_pass(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    begins, ends = (now + timedelta(hours=hours) for hours in (6, 7))
    hours = f'hours = "{begins:%H:%M}-{ends:%H:%M}"\ntimezone = "UTC"\nweekends = true\n'
    with running(configure(tmp_path, LIVE.replace("20.0", "1.0"), WIDE + hours)) as engine:
        denied = engine.place(order("entry"))
        assert denied.is_problem(422)
        assert (denied.json["rule"], "the hours are" in denied.json["detail"]) == ("hours", True)
        assert engine.place(order("exit", side="sell", reduce_only=True, limit_price="150.00")).status == 201


@pytest.mark.slow
def test_with_every_connection_taken_the_kill_switch_works_by_its_file_within_five_seconds(tmp_path: Path) -> None:
    with running(configure(tmp_path), files=FILES) as engine:
        assert engine.trades()
        with idle(engine, FILES) as taken:
            with closing(engine.raw()) as late:
                late.settimeout(5)
                found = b""
                while part := late.recv(65_536):
                    found += part
            assert found.startswith(b"HTTP/1.1 503 ")
            assert b"application/problem+json" in found
            assert b'"hint"' in found
            began = time.monotonic()
            done = run(engine.config, "kill", "flatten")
            assert (done.returncode, done.stdout) == (0, "flatten: the engine has taken it\n")
            assert time.monotonic() - began < 5.0
            assert len(taken) == FILES
        deadline = time.monotonic() + 5
        while engine.call("GET", "/api/v1/positions", role="viewer").json["positions"][0]["quantity"] != "0":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert engine.call("GET", KILL, role="viewer").json["action"] == "flatten"


@pytest.mark.slow
def test_two_thousand_idle_connections_leave_it_small_and_trading(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    try:
        with running(configure(tmp_path)) as engine:
            with idle(engine, 1_990):
                assert engine.trades()
                assert engine.rss_mb() < 80.0
            assert engine.trades()
            assert engine.rss_mb() < 80.0
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
