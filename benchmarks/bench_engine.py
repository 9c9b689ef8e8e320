"""The live engine under load: orders over HTTP and without it, a thousand clients, memory, start-up, snapshots.

The engine is `python -m live_engine run` on made up prices, the load comes out of a process of its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import engine_desk
import msgspec
from bench_journal import order
from engine_load import percentiles
from engine_process import SYMBOLS, Engine
from measure import ROOT, emit, peak_rss_mb

from live_engine.engine import SNAPSHOT_EVENTS
from live_engine.events import OrderIntent
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROUNDS = 3
OFFERED = {50: 6.0, 500: 6.0, 2_000: 2.0}  # orders a second, and for how long
CONNECTIONS, SUSTAINED_S = 32, 6.0
CLIENTS, CLIENTS_S = 1_000, 30.0
PLACED = 6_000
START_EVENTS = int(os.environ.get("PI5_START_EVENTS", "1000000"))
ORDERS_PER_APPEND = 250
FLUSHES = 300
PAGE = 8_192
STEPS = (  # what is imported one after the other, as `run` does
    ("Python", ""),
    ("journal, books, risk", "live_engine.floor"),
    ("the command", "live_engine.cli_run"),
    ("the API's own", "live_engine.front_office, live_engine.api.openapi"),
    (
        "starlette, uvicorn, h11, websockets",
        "live_engine.api.server, uvicorn.protocols.websockets.websockets_sansio_impl",
    ),
)


def loaded(engine: Engine, **task: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON value
    """What the load generator tells, with the engine's memory and the share of a core that it took."""
    asked = {"port": engine.port, "secrets": engine.secrets, "symbols": SYMBOLS, "named": f"o{time.time_ns()}", **task}
    command = [sys.executable, str(ROOT / "benchmarks" / "engine_load.py")]
    began, cpu_s = time.perf_counter(), engine.cpu_s()
    done = subprocess.run(command, input=json.dumps(asked), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    refused = {status: number for status, number in found.pop("statuses", {}).items() if status != "201"}
    if refused:
        raise SystemExit(f"bench_engine: orders were refused: {refused}")
    cores = (engine.cpu_s() - cpu_s) / (time.perf_counter() - began)
    return {**found, "rss_mb": engine.rss_mb(), "cpu_percent": cores * 100}


def medians(rounds: Sequence[dict[str, float]]) -> dict[str, float]:
    """Figure by figure."""
    return {name: median(one[name] for one in rounds) for name in rounds[0]}


def flushes(folder: Path) -> dict[str, float]:
    """How long this disk takes to flush a page, the bare system call."""
    handle = os.open(folder / "page", os.O_CREAT | os.O_RDWR)
    seconds = []
    for number in range(FLUSHES):
        os.pwrite(handle, bytes(PAGE), number * PAGE)
        began = time.perf_counter()
        os.fdatasync(handle)
        seconds.append(time.perf_counter() - began)
    os.close(handle)
    return percentiles(seconds)


def orders(folder: Path) -> None:
    """Orders at an even pace, the paces in turn; then as many as are answered."""
    engine = Engine(folder / "engine")
    paces: dict[int, list[dict[str, float]]] = {pace: [] for pace in OFFERED}
    most: list[dict[str, float]] = []
    bare: list[dict[str, float]] = []
    with engine.running():
        for _ in range(ROUNDS):
            bare.append(flushes(folder))
            for pace, seconds in OFFERED.items():
                paces[pace].append(loaded(engine, per_second=pace, seconds=seconds))
            most.append(loaded(engine, connections=CONNECTIONS, seconds=SUSTAINED_S))
    table = {f"{pace} a second": medians(rounds) for pace, rounds in paces.items()}
    emit(
        "engine_orders_acknowledged_over_http",
        paces=table | {"a bare flush of the disk": medians(bare)},
        load_average=os.getloadavg()[0],
        includes="audit event and intent on the device, five events an order, prices of four symbols; medians",
        does_not_show="a venue over a network; a quiet machine: the load comes from its other core",
    )
    emit(
        "engine_orders_sustained_over_http",
        **medians(most),
        connections=CONNECTIONS,
        target_orders_per_second=5_000,
        load_average=os.getloadavg()[0],
        does_not_show="more than one caller's machine; TLS",
    )


def place(folder: Path) -> None:
    """The same without HTTP, in a process of its own that is the engine."""
    found = asyncio.run(engine_desk.placed(folder / "live.sqlite", PLACED, CONNECTIONS))
    emit(
        "engine_orders_sustained_in_process",
        **found,
        callers=CONNECTIONS,
        target_orders_per_second=5_000,
        peak_rss_mb=peak_rss_mb(),
        load_average=os.getloadavg()[0],
        includes="FrontOffice.place, so no audit event; four events an order, each fills at the next price",
    )


def snapshots(folder: Path) -> None:
    """How long a snapshot keeps orders waiting that come meanwhile."""
    found = asyncio.run(engine_desk.snapshots(folder / "live.sqlite", PLACED))
    emit("engine_snapshot", **found, every_events=SNAPSHOT_EVENTS, load_average=os.getloadavg()[0])


def clients(folder: Path) -> None:
    """Clients of the stream, each with four prices and one event a second."""
    engine = Engine(folder / "engine", speed=1.0, symbols=SYMBOLS[:1])
    with engine.running():
        task = {"symbols": SYMBOLS[:1], "topics": ["prices", "events"], "per_second": 1 / 6}
        found = loaded(engine, clients=CLIENTS, seconds=CLIENTS_S, **task)
    emit(
        "engine_stream_clients",
        clients=CLIENTS,
        delivered_per_second=found["delivered"],
        lags=found["lags"],
        connected_s=found["connected_s"],
        sequence_gaps=found["gaps"],
        cut_off=found["lost"],
        rss_mb=found["rss_mb"],
        cpu_percent=found["cpu_percent"],
        load_average=os.getloadavg()[0],
        includes="from the price's own time, or the event's, until the last client has read it; six events at once",
        does_not_show="clients on other machines; the generator reads them all in one process",
    )


def memory(folder: Path) -> None:
    """Resident memory right after READY, and what it is made of."""
    engine = Engine(folder / "engine")
    with engine.running() as ready_s:
        idle_mb = engine.rss_mb()
    grown: dict[str, dict[str, float]] = {}
    before = 0.0
    for count, (name, _) in enumerate(STEPS, start=1):
        modules = [module for _, module in STEPS[:count] if module]
        code = "".join(f"import {module}\n" for module in modules)
        code += "print(open('/proc/self/statm').read().split()[1])"
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
        now = int(done.stdout) * os.sysconf("SC_PAGE_SIZE") / 1e6
        grown[name] = {"rss_mb": now, "more_mb": now - before}
        before = now
    emit(
        "engine_memory", parts=grown, rss_at_ready_mb=idle_mb, ready_s=ready_s, target_mb=60, dearest_imports=_dearest()
    )


def _dearest() -> str:
    """The packages whose own code takes longest to import."""
    command = [sys.executable, "-X", "importtime", "-c", "import " + ", ".join(module for _, module in STEPS if module)]
    done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=True)
    took: dict[str, int] = {}
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+([\w.]+)", done.stderr):
        package = name.partition(".")[0]
        took[package] = took.get(package, 0) + int(own)
    first = sorted(took.items(), key=lambda one: -one[1])[:8]
    return ", ".join(f"{name} {own_us / 1e3:.0f} ms" for name, own_us in first)


def start(folder: Path) -> None:
    """Time to READY on a long journal: without a snapshot, with one, and with the longest fold behind one."""
    engine = Engine(folder / "engine")
    _write(engine.journal, 0, START_EVENTS)
    with engine.running() as without_s:
        without_mb = engine.rss_mb()
    with engine.running() as with_s:
        with_mb = engine.rss_mb()
    _write(engine.journal, START_EVENTS, SNAPSHOT_EVENTS)
    with engine.running() as longest_s:
        pass
    emit(
        "engine_start",
        events=START_EVENTS,
        without_snapshot_s=without_s,
        with_snapshot_s=with_s,
        with_snapshot_and_longest_fold_s=longest_s,
        target_s=3,
        rss_without_snapshot_mb=without_mb,
        rss_with_snapshot_mb=with_mb,
        load_average=os.getloadavg()[0],
        includes="from the start of the process to READY=1",
    )


def _write(path: Path, done: int, more: int) -> None:
    """Orders by hand that filled at once, four events each, under names that are not taken yet."""
    with Journal(path) as journal:
        for first in range(done // 4, (done + more) // 4, ORDERS_PER_APPEND):
            bodies = [body for number in range(first, first + ORDERS_PER_APPEND) for body in order(number)]
            by_hand = [
                msgspec.structs.replace(one, strategy="") if isinstance(one, OrderIntent) else one for one in bodies
            ]
            journal.append(by_hand).result()


PARTS: dict[str, Callable[[Path], None]] = {
    part.__name__: part for part in (orders, place, snapshots, clients, memory, start)
}


def main() -> None:
    """Each part in its own process; PI5_ENGINE_PARTS names some of them."""
    if len(sys.argv) > 1:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            PARTS[sys.argv[1]](Path(folder))
        return
    for name in os.environ.get("PI5_ENGINE_PARTS", " ".join(PARTS)).split():
        subprocess.run([sys.executable, __file__, name], check=True)


if __name__ == "__main__":
    main()
