"""Each thing that is wrong is a reason with its numbers; nothing else is."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from live_engine.events import HealthChanged
from live_engine.vitals.health import HealthLimits, HealthWatch, findings, reasons
from live_engine.vitals.readings import ConsumerLag, Host, Readings, RetentionWait, StreamAge

LIMITS = HealthLimits()
WELL = Readings(
    loop_lag_s=0.01,
    clock_step_s=0.0,
    journal_failed="",
    journal_wait_s=0.0,
    journal_commit_s=0.01,
    journal_last_seq=7,
    queues={"journal": 3},
    streams=(StreamAge(name="feed", age_s=1.0),),
    consumers=(ConsumerLag(name="projector", events=10),),
    retention=(RetentionWait(consumer="backup", seq=12, since=date(2026, 3, 2), days=3),),
    host=Host(
        rss_bytes=40_000_000,
        memory_available_bytes=4_000_000_000,
        disk_free_bytes=50_000_000_000,
        disk_free_ratio=0.5,
        temperature_c=55.0,
        undervoltage=False,
        clock_synchronised=True,
        pressure={"io": 0.9},
    ),
)


def with_host(**changes: Any) -> Readings:  # noqa: ANN401 - fields of Host
    return msgspec.structs.replace(WELL, host=msgspec.structs.replace(WELL.host, **changes))


def test_a_well_engine_has_no_reasons() -> None:
    assert reasons(WELL, LIMITS) == ()


@pytest.mark.parametrize(
    ("changes", "name", "numbers"),
    [
        ({"loop_lag_s": 3.21}, "loop lag", ["3.2 s", "2 s"]),
        ({"clock_step_s": -90.0}, "clock step", ["90.0 s back"]),
        ({"clock_step_s": 1.5}, "clock step", ["1.5 s forward"]),
        ({"journal_failed": "disk I/O error"}, "journal", ["disk I/O error"]),
        ({"journal_wait_s": 6.0}, "journal wait", ["6.0 s", "5 s"]),
        ({"queues": {"orders": 10_001}}, "queue orders", ["10001", "10000"]),
        ({"streams": (StreamAge(name="feed", age_s=75.0, is_stale=True),)}, "stream feed", ["75 s"]),
        ({"consumers": (ConsumerLag(name="projector", events=60_000),)}, "consumer projector", ["60000", "50000"]),
        (
            {"retention": (RetentionWait(consumer="backup", seq=12, since=date(2026, 3, 2), days=4),)},
            "retention backup",
            ["2026-03-02", "4 days", "above 3", "event 12", "pi5 backup create"],
        ),
        (
            {"consumers": (ConsumerLag(name="projector", events=None, error="it broke"),)},
            "consumer projector",
            ["broke"],
        ),
        ({"broker": "no answer for 9 s"}, "broker", ["no answer for 9 s"]),
    ],
)
def test_what_is_wrong_with_the_engine_is_told(changes: dict[str, Any], name: str, numbers: list[str]) -> None:
    (found,) = findings(msgspec.structs.replace(WELL, **changes), LIMITS)
    assert found.name == name
    assert all(number in found.reason for number in numbers), found.reason


@pytest.mark.parametrize(
    ("changes", "name", "numbers"),
    [
        ({"disk_free_bytes": 300_000_000}, "disk", ["300 MB", "500 MB", "50.0%"]),
        ({"disk_free_ratio": 0.01}, "disk", ["1.0%", "2.0%"]),
        ({"rss_bytes": 500_000_000}, "own memory", ["500 MB", "384 MB"]),
        ({"memory_available_bytes": 50_000_000}, "memory", ["50 MB", "100 MB"]),
        ({"temperature_c": 81.4}, "temperature", ["81 degrees"]),
        ({"undervoltage": True}, "power", ["voltage"]),
    ],
)
def test_what_is_wrong_with_the_machine_is_told(changes: dict[str, Any], name: str, numbers: list[str]) -> None:
    (found,) = findings(with_host(**changes), LIMITS)
    assert found.name == name
    assert all(number in found.reason for number in numbers), found.reason


def test_a_clock_that_nobody_keeps_is_a_fault_only_where_it_must_be_kept() -> None:
    strict = HealthLimits(clock_must_be_synchronised=True)
    assert reasons(with_host(clock_synchronised=False), LIMITS) == ()
    assert [one.name for one in findings(with_host(clock_synchronised=False), strict)] == ["clock"]
    assert reasons(with_host(clock_synchronised=None), strict) == ()


def test_a_kill_switch_ended_prices_and_what_cannot_be_known_are_no_faults() -> None:
    ended = StreamAge(name="file", age_s=10_000.0, is_stale=True, has_ended=True)
    unknown = msgspec.structs.replace(
        WELL, kill="flatten", streams=(ended,), consumers=(ConsumerLag(name="projector", events=None),), host=Host()
    )
    assert reasons(unknown, HealthLimits(clock_must_be_synchronised=True)) == ()


def test_health_is_written_down_when_another_thing_is_wrong_and_not_when_a_number_moves() -> None:
    watch = HealthWatch()
    assert watch.check(findings(WELL, LIMITS)) == []
    lagging = [findings(msgspec.structs.replace(WELL, loop_lag_s=lag), LIMITS) for lag in (3.0, 4.0)]
    assert watch.check(lagging[0]) == [HealthChanged(reasons=(lagging[0][0].reason,))]
    assert watch.check(lagging[1]) == []
    both = findings(msgspec.structs.replace(WELL, loop_lag_s=4.0, broker="gone"), LIMITS)
    assert watch.check(both) == [HealthChanged(reasons=tuple(one.reason for one in both))]
    assert watch.check(findings(WELL, LIMITS)) == [HealthChanged()]
    assert watch.check(findings(WELL, LIMITS)) == []
