"""The service on a really booted systemd: when it is ready, what it survives, when it is given up, how it ends."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.systemd.conftest import CONFIG, HOME, UNIT

if TYPE_CHECKING:
    from tests.systemd.conftest import Service

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("systemd")]

NS_PER_US = 1_000
MAX_STOP_S = 10.0
STARTS = 5  # StartLimitBurst


def traded(service: Service, bars: int = 12) -> None:
    """Let it trade until its journal holds so many bars."""
    service.until(lambda: len(service.bars()) >= bars, f"bar number {bars}")


def restarted(service: Service, times: int) -> None:
    """Wait until systemd has started it anew so often, and it is ready."""
    service.until(lambda: int(service.property("NRestarts")) >= times, "a new start")
    service.until(lambda: service.property("ActiveState") == "active", "READY")
    assert int(service.property("NRestarts")) == times


def goes_on(service: Service, before: list[dict[str, Any]]) -> None:
    """What was in the journal is there still; what follows is numbered on, and no order or bar is there twice."""
    known = len([event for event in before if event["body"]["type"] == "BarClosed"])
    traded(service, known + 5)
    service.engine("journal", "verify")
    after = service.events()
    assert after[: len(before)] == before
    assert [event["seq"] for event in after] == list(range(1, len(after) + 1))
    orders = [event["body"]["client_order_id"] for event in after if event["body"]["type"] == "OrderIntent"]
    assert orders
    assert len(set(orders)) == len(orders)
    bars = [event["body"] for event in after if event["body"]["type"] == "BarClosed"]
    opened = [bar["ts_ns"] for bar in bars if (bar["symbol"], bar["timeframe"]) == ("ABC", "1m")]
    assert opened
    assert sorted(set(opened)) == opened
    started = [event["body"] for event in after[len(before) :] if event["body"]["type"] == "EngineStarted"]
    assert [body["restored_seq"] for body in started] == [before[-1]["seq"]]


def test_it_is_ready_when_its_journal_is_restored_and_not_before(service: Service) -> None:
    service.start()
    traded(service)
    service.machine.run("systemctl", "restart", UNIT)
    ready_us = int(service.property("ActiveEnterTimestampMonotonic"))
    started = [event for event in service.events() if event["body"]["type"] == "EngineStarted"][-1]
    assert started["body"]["restored_seq"] > 0
    assert started["mono_ns"] < ready_us * NS_PER_US


def test_killed_it_is_started_again_and_goes_on_where_its_journal_ends(service: Service) -> None:
    service.changed(RestartSec="2s")
    service.start()
    traded(service)
    service.signal("KILL")
    service.until(lambda: service.property("SubState") == "auto-restart", "the end")
    before = service.events()
    restarted(service, 1)
    goes_on(service, before)


def test_hanging_it_says_where_and_is_started_again(service: Service) -> None:
    assert service.property("WatchdogUSec") == "30s"
    service.changed(WatchdogSec="4s", RestartSec="100ms")
    service.start()
    traded(service)
    service.signal("STOP")
    before = service.events()
    restarted(service, 1)
    goes_on(service, before)
    assert any("Watchdog timeout" in line for line in service.log())
    assert any("live_engine" in line for line in service.said() if line.lstrip().startswith("File "))


def test_wrong_settings_end_it_with_one_line_and_no_new_start(service: Service) -> None:
    service.changed(RestartSec="100ms")
    settings = service.machine.run("cat", CONFIG)
    service.machine.write(CONFIG, settings.replace("prices =", "price ="))
    service.start(may_fail=True)
    time.sleep(2.0)  # a new start would have come
    assert service.property("ActiveState") == "failed"
    assert service.property("ExecMainStatus") == "2"
    assert service.property("NRestarts") == "0"
    (line,) = service.said()
    assert line.startswith(f"error: {CONFIG}")
    assert "price" in line


def test_what_ends_every_start_is_given_up(service: Service) -> None:
    service.changed(RestartSec="100ms")
    service.machine.write(f"{HOME}/journal/live.sqlite", "no journal" * 1000)
    service.machine.run("chown", "-R", "pi5:pi5", HOME)
    service.start(may_fail=True)
    service.until(lambda: service.property("ActiveState") == "failed", "the end of trying")
    assert service.property("ExecMainStatus") == "1"
    assert len(service.said()) == STARTS


def test_told_to_stop_it_ends_in_time_and_says_so_in_its_journal(service: Service) -> None:
    service.start()
    traded(service)
    began = time.monotonic()
    service.machine.run("systemctl", "stop", UNIT)
    assert time.monotonic() - began < MAX_STOP_S
    assert service.property("ActiveState") == "inactive"
    assert service.property("Result") == "success"
    assert service.events()[-1]["body"]["type"] == "EngineStopped"


def test_it_is_shown_its_credentials_and_keeps_no_rights(service: Service) -> None:
    service.machine.write("/etc/credstore/pi5-tls-key", "secret")
    service.start()
    process = f"/proc/{service.property('MainPID')}"
    shown = service.machine.run("find", f"{process}/root/run/credentials/{UNIT}", "-type", "f", "-printf", "%f %U")
    assert shown == f"pi5-tls-key {service.machine.run('id', '-u', 'pi5')}"
    told = dict(line.split(":\t", 1) for line in service.machine.run("cat", f"{process}/status").splitlines())
    assert (told["CapEff"], told["CapBnd"]) == ("0" * 16, "0" * 16)
    assert (told["NoNewPrivs"], told["Seccomp"]) == ("1", "2")
    mounts = [line.split() for line in service.machine.run("cat", f"{process}/mounts").splitlines()]
    writable = {where for _, where, kind, options, *_ in mounts if "rw" in options.split(",") and kind == "overlay"}
    assert writable == {HOME, "/var/tmp"}  # noqa: S108 - a temporary folder of its own
