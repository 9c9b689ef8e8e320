"""Why the engine is not well, out of its readings, and when that has changed enough to be written down.

A kill switch that is on is somebody's will, prices that have ended are no silence, and what cannot be read here is no
fault: none of them is a reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from live_engine.events import HealthChanged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from live_engine.vitals.readings import Host, Readings

MB = 1_000_000
HINTS = {
    "backup": "`pi5 backup create` makes and verifies one; Dagster's job `backup` does every night",
    "ledger": "see the sensor live_journal and the job ledger in Dagster",
}


class HealthLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What is still well.

    The journal's limit is half of what makes systemd's watchdog act, the temperature's where a Pi begins to slow
    itself down, a queue's is half of what the journal lets wait, and that of retention a weekend without a backup.
    """

    loop_lag_s: float = 2.0
    journal_wait_s: float = 5.0
    queue_depth: int = 10_000
    clock_step_s: float = 1.0
    consumer_lag_events: int = 50_000
    retention_wait_days: int = 3
    rss_bytes: int = 384 * MB
    memory_available_bytes: int = 100 * MB
    disk_free_bytes: int = 500 * MB
    disk_free_ratio: float = 0.02
    temperature_c: float = 80.0
    clock_must_be_synchronised: bool = False


class Finding(NamedTuple):
    """What is wrong: a name that stays the same while it lasts, and a sentence with its numbers and a hint."""

    name: str
    reason: str


def findings(readings: Readings, limits: HealthLimits) -> tuple[Finding, ...]:
    """All that is wrong, the gravest first."""
    return tuple(_findings(readings, limits))


def reasons(readings: Readings, limits: HealthLimits) -> tuple[str, ...]:
    """Why the engine is not well; none: it is."""
    return tuple(finding.reason for finding in findings(readings, limits))


class HealthWatch:
    """Tells of health when what is wrong is another thing: numbers that move alone would fill the journal."""

    def __init__(self) -> None:
        self._names: frozenset[str] = frozenset()

    def check(self, found: Sequence[Finding]) -> list[HealthChanged]:
        """What to write down; it begins as well."""
        names = frozenset(finding.name for finding in found)
        if names == self._names:
            return []
        self._names = names
        return [HealthChanged(reasons=tuple(finding.reason for finding in found))]


def _findings(readings: Readings, limits: HealthLimits) -> Iterator[Finding]:
    yield from _journal(readings, limits)
    if readings.broker:
        yield Finding("broker", f"the broker is not well: {readings.broker}")
    yield from _streams(readings)
    yield from _loop(readings, limits)
    yield from _consumers(readings, limits)
    if abs(readings.clock_step_s) > limits.clock_step_s:
        way = "forward" if readings.clock_step_s > 0 else "back"
        yield Finding(
            "clock step",
            f"the clock was set {abs(readings.clock_step_s):.1f} s {way}, or the machine slept"
            " (bars may be cut at wrong times; `timedatectl` tells who sets it)",
        )
    yield from _host(readings.host, limits)


def _streams(readings: Readings) -> Iterator[Finding]:
    for stream in readings.streams:
        if stream.is_stale and not stream.has_ended:
            yield Finding(
                f"stream {stream.name}",
                f"stream {stream.name} has been silent for {stream.age_s:.0f} s"
                " (see its source and the network; entries wait for a fresh price)",
            )


def _loop(readings: Readings, limits: HealthLimits) -> Iterator[Finding]:
    if readings.loop_lag_s > limits.loop_lag_s:
        yield Finding(
            "loop lag",
            f"the event loop was held up for {readings.loop_lag_s:.1f} s, above {limits.loop_lag_s:g} s"
            " (a strategy that reckons for long, or a machine with too much to do)",
        )
    for name, depth in readings.queues.items():
        if depth > limits.queue_depth:
            yield Finding(
                f"queue {name}",
                f"{depth} wait in queue {name}, above {limits.queue_depth} (who takes from it is too slow)",
            )


def _consumers(readings: Readings, limits: HealthLimits) -> Iterator[Finding]:
    for consumer in readings.consumers:
        if consumer.error:
            yield Finding(f"consumer {consumer.name}", f"{consumer.name} has stopped: {consumer.error}")
        elif consumer.events is not None and consumer.events > limits.consumer_lag_events:
            yield Finding(
                f"consumer {consumer.name}",
                f"{consumer.name} is {consumer.events} events behind, above {limits.consumer_lag_events}"
                " (see that it runs; the journal keeps what it has not read)",
            )
    for wait in readings.retention:
        if wait.days > limits.retention_wait_days:
            yield Finding(
                f"retention {wait.consumer}",
                f"old days have stayed in the journal since {wait.since}, {wait.days} days, above"
                f" {limits.retention_wait_days}: {wait.consumer} has only event {wait.seq} and those before"
                f" ({HINTS.get(wait.consumer, 'see that it runs')})",
            )


def _journal(readings: Readings, limits: HealthLimits) -> Iterator[Finding]:
    if readings.journal_failed:
        yield Finding("journal", f"the journal takes nothing more: {readings.journal_failed}")
    if readings.journal_wait_s > limits.journal_wait_s:
        yield Finding(
            "journal wait",
            f"an event has waited for {readings.journal_wait_s:.1f} s to be written, above {limits.journal_wait_s:g} s"
            " (the device hangs: `dmesg` tells of errors)",
        )


def _host(host: Host, limits: HealthLimits) -> Iterator[Finding]:
    free, ratio = host.disk_free_bytes, host.disk_free_ratio
    if free is not None and (free < limits.disk_free_bytes or (ratio is not None and ratio < limits.disk_free_ratio)):
        share = "" if ratio is None else f" ({ratio:.1%})"
        yield Finding(
            "disk",
            f"{free // MB} MB{share} are free where the journal lies, below {limits.disk_free_bytes // MB} MB"
            f" or {limits.disk_free_ratio:.1%} (make room: old backups, reports)",
        )
    if host.rss_bytes is not None and host.rss_bytes > limits.rss_bytes:
        yield Finding(
            "own memory",
            f"the engine holds {host.rss_bytes // MB} MB, above {limits.rss_bytes // MB} MB"
            " (a restart gives them back and loses nothing)",
        )
    available = host.memory_available_bytes
    if available is not None and available < limits.memory_available_bytes:
        yield Finding(
            "memory",
            f"{available // MB} MB of memory are available, below {limits.memory_available_bytes // MB} MB"
            " (end what else runs here)",
        )
    if host.temperature_c is not None and host.temperature_c >= limits.temperature_c:
        yield Finding(
            "temperature",
            f"the processor has {host.temperature_c:.0f} degrees, {limits.temperature_c:.0f} or above make it slow"
            " (see the fan)",
        )
    if host.undervoltage:
        yield Finding("power", "the supply's voltage is too low, which damages files (use the official supply)")
    if limits.clock_must_be_synchronised and host.clock_synchronised is False:
        yield Finding("clock", "the clock is not synchronised (see `timedatectl timesync-status`)")
