"""What a PostgreSQL with TimescaleDB should be set to on a machine that it shares with Dagster, DuckDB and the engine.

The formulas start from those of the vendor's tuning tool (a quarter of the memory to shared buffers, three quarters
to be counted on as cache, and so on), but share out what the neighbours leave and not all that the machine has.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

MB = 1024 * 1024
GB = 1024 * MB
# What else is resident beside the database on a quiet evening, and during a run of the night.
SYSTEM, DAGSTER, RUN, ENGINE = 400 * MB, 510 * MB, 210 * MB, 100 * MB
SMALLEST_LEFT = 512 * MB  # below it the machine is too small to share; the database gets at least this to plan with
CONNECTIONS = 30
WORKERS = 4  # background workers of TimescaleDB
PAGE = 8 * 1024
LIBRARIES = "shared_preload_libraries"

# How many bytes, or milliseconds, a unit is: those people write, and two more that servers count in.
WRITTEN = {
    "kB": 1024,
    "MB": MB,
    "GB": GB,
    "TB": 1024 * GB,
    "B": 1,
    "us": 1e-3,
    "ms": 1,
    "min": 60_000,
    "s": 1_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
COUNTED = {**WRITTEN, "8kB": PAGE, "16MB": 16 * MB}
SWITCHES = {"on": "on", "true": "on", "yes": "on", "off": "off", "false": "off", "no": "off"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What the settings are for: all its memory in bytes, its cores, and what DuckDB may take of the memory."""

    memory: int
    cores: int
    duckdb: int = GB

    @classmethod
    def this(cls, duckdb: int = GB) -> Machine:
        """The machine at hand."""
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return cls(pages * size, os.cpu_count() or 1, duckdb)

    @property
    def left(self) -> int:
        """What the neighbours leave to the database and its cache, in bytes."""
        return max(SMALLEST_LEFT, self.memory - SYSTEM - DAGSTER - RUN - ENGINE - self.duckdb)


@dataclass(frozen=True, slots=True)
class Advice:
    """A setting of postgresql.conf, its value as that file takes it, and why."""

    name: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of the running server that is not as advised."""

    name: str
    running: str
    advised: str
    reason: str


def advise(machine: Machine) -> list[Advice]:
    """Every setting that matters on such a machine, in the order of the fragment."""
    return [*_memory(machine), *_durability(), *_workers(machine), *_planner(), *_timescale()]


def _memory(machine: Machine) -> list[Advice]:
    left = machine.left
    shown = f"{left // MB} MB that the system, Dagster, a run, the engine and DuckDB leave"
    sort = min(64, max(4, left // CONNECTIONS // 8 // MB))
    return [
        Advice("shared_buffers", f"{_rounded(left / 4, 128)}MB", f"a quarter of the {shown}"),
        Advice(
            "effective_cache_size", f"{_rounded(left * 3 / 4, 128)}MB", "three quarters of the same, for the disk cache"
        ),
        Advice("maintenance_work_mem", f"{min(1024, _rounded(left / 16, 64))}MB", "for building indexes and vacuum"),
        Advice("work_mem", f"{sort}MB", f"{CONNECTIONS} connections may each sort at once"),
        Advice("wal_buffers", "16MB", "one segment; more is not used"),
        Advice("max_connections", str(CONNECTIONS), "the engine, Dagster, readers; each costs memory"),
        Advice("huge_pages", "try", "fewer page table entries where the system has reserved some"),
    ]


def _durability() -> list[Advice]:
    return [
        Advice("fsync", "on", "a Pi loses its power: without it a database is lost with it"),
        Advice("synchronous_commit", "on", "a fill that was acknowledged must be there after a power cut"),
        Advice("full_page_writes", "on", "pages torn by a power cut are mended from the log"),
        Advice("wal_compression", "zstd", "fewer bytes written: the disk lives longer, loading is no slower"),
        Advice("max_wal_size", "2GB", "a long load makes one checkpoint, not ten"),
        Advice("min_wal_size", "512MB", "log files are used again instead of made anew"),
        Advice("checkpoint_timeout", "15min", "each checkpoint writes whole pages to the log again"),
        Advice("checkpoint_completion_target", "0.9", "spreads the writing, so that queries do not wait"),
        Advice("max_slot_wal_keep_size", "4GB", "a replica that stays away may not fill this disk"),
    ]


def _workers(machine: Machine) -> list[Advice]:
    gather = max(1, machine.cores // 4)
    parallel = max(1, machine.cores // 2)
    return [
        Advice("timescaledb.max_background_workers", str(WORKERS), "compression and aggregates of one database"),
        Advice("max_worker_processes", str(3 + WORKERS + machine.cores), "three of the server, TimescaleDB's, cores"),
        Advice("max_parallel_workers", str(parallel), "half the cores: the engine trades on the others"),
        Advice("max_parallel_workers_per_gather", str(gather), "one query does not take them all"),
        Advice("autovacuum_max_workers", "2", "chunks are many and small; two keep up"),
        Advice("autovacuum_naptime", "1min", "dead rows of today's chunk go soon"),
    ]


def _planner() -> list[Advice]:
    return [
        Advice("random_page_cost", "1.1", "an NVMe disk reads anywhere at the same speed"),
        Advice("effective_io_concurrency", "200", "it serves many reads at once"),
        Advice("default_statistics_target", "500", "estimates by symbol need more than 100 samples"),
        Advice("jit", "off", "compiling a query takes longer than the queries here run"),
    ]


def _timescale() -> list[Advice]:
    return [
        Advice(LIBRARIES, "timescaledb,pg_stat_statements", "works only when loaded at start"),
        Advice("max_locks_per_transaction", "256", "a dump locks every chunk, and there will be hundreds"),
        Advice("timescaledb.telemetry_level", "off", "nothing is sent from this machine"),
    ]


def with_libraries(advice: Sequence[Advice], preloaded: str, installed: Collection[str]) -> list[Advice]:
    """The advice for one server: what it preloads stays, and what is not installed is left out.

    Either way it would not start again as it was, or at all.
    """
    words = _words(preloaded)
    changed = []
    for one in advice:
        if one.name == LIBRARIES:
            wanted = [word for word in _words(one.value) if word in installed and word not in words]
            changed.append(Advice(one.name, ",".join([*words, *wanted]), one.reason))
        else:
            changed.append(one)
    return changed


def memory_of(text: str) -> int:
    """Bytes of a size as postgresql.conf writes it, such as 4GB or 512MB; 0 when it is none."""
    amount = written(text.replace(" ", ""))
    return int(amount) if isinstance(amount, float) and amount >= MB else 0


def fragment(advice: Sequence[Advice], machine: Machine) -> str:
    """The settings as a file for postgresql.conf's `include_dir`, the reason at the end of each line."""
    lines = [f"{one.name} = {_quoted(one.value)}" for one in advice]
    width = max(map(len, lines))
    told = f"{machine.memory / GB:.1f} GB of memory and {machine.cores} cores"
    head = (
        f"# Written by `pi5 db tune` for {told}, shared with Dagster, the live engine\n"
        f"# and DuckDB ({machine.duckdb / GB:.1f} GB). `pi5 doctor` compares the running server with it.\n"
    )
    return head + "".join(f"{line:<{width}}  # {one.reason}\n" for line, one in zip(lines, advice, strict=True))


def compare(advice: Sequence[Advice], running: Mapping[str, tuple[str, str]]) -> list[Difference]:
    """Where a server differs; `running` holds value and unit by name, as pg_settings tells them.

    A setting that the server does not know (an older version, an extension that is not loaded) is a difference too.
    Libraries may be more than advised, in any order.
    """
    found = []
    for one in advice:
        if one.name not in running:
            found.append(Difference(one.name, "not known to this server", one.value, one.reason))
            continue
        value, unit = running[one.name]
        if one.name == LIBRARIES:
            same = set(_words(one.value)) <= set(_words(value))
        else:
            same = written(one.value) == counted(value, unit)
        if not same:
            found.append(Difference(one.name, shown(value, unit), one.value, one.reason))
    return found


def written(value: str) -> float | str:
    """A value of postgresql.conf in bytes or milliseconds where it has a unit, as a number where it is one."""
    for unit, size in WRITTEN.items():
        number = value.removesuffix(unit)
        if number != value and _is_number(number):
            return float(number) * size
    return float(value) if _is_number(value) else SWITCHES.get(value.lower(), value)


def counted(value: str, unit: str) -> float | str:
    """A value of pg_settings in the same terms; below zero it stands for itself, whatever the unit."""
    amount = written(value)
    return amount * COUNTED.get(unit, 1) if isinstance(amount, float) and amount > 0 else amount


def shown(value: str, unit: str) -> str:
    """A value of pg_settings as a person would write it: 65536 pages of 8kB are 512MB."""
    amount = counted(value, unit)
    if isinstance(amount, str) or unit not in COUNTED or amount <= 0:
        return value
    names = ("GB", "MB", "kB", "B") if unit.endswith("B") else ("d", "h", "min", "s", "ms")
    for name in names:
        if amount >= WRITTEN[name] and amount % WRITTEN[name] == 0:
            return f"{amount / WRITTEN[name]:g}{name}"
    return f"{value}{unit}"


def _rounded(size: float, step: int) -> int:
    """Megabytes, to the nearest step, at least one."""
    return max(1, round(size / MB / step)) * step


def _quoted(value: str) -> str:
    return value if value.replace(".", "").isalnum() else f"'{value}'"


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
