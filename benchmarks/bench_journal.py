"""The live engine's journal: events a second, how long an answer takes, bytes an event, and reading all of it back.

Everything is flushed to this machine's disk; each figure is taken in a process of its own, so that its memory is too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from measure import emit, peak_rss_mb

from live_engine.events import OrderAccepted, OrderFilled, OrderIntent, OrderSubmitted
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from live_engine.events import AnyBody, Event

EVENTS = int(os.environ.get("PI5_JOURNAL_EVENTS", "1000000"))
SINGLE = 2_000
GROUPED = 40_000
IN_FLIGHT = 1_000
OFFERED_PER_SECOND = 500
OFFERED_S = 10
PER_ORDER = 4
ORDERS_PER_APPEND = 250


def order(number: int) -> list[AnyBody]:
    """What an order that fills at once leaves in the journal."""
    name = f"grid-{number:08d}"
    price = Decimal("64250.50") + number % 100
    intent = OrderIntent(
        client_order_id=name,
        symbol="BTC/USD",
        side="buy",
        order_type="limit",
        quantity=Decimal("0.015"),
        limit_price=price,
        strategy="sma_cross",
        actor="trader",
        decision_price=price,
    )
    return [
        intent,
        OrderSubmitted(client_order_id=name, venue="paper"),
        OrderAccepted(client_order_id=name, venue_order_id=f"paper-{number}"),
        OrderFilled(client_order_id=name, fill_id=f"{number}-1", quantity=Decimal("0.015"), price=price),
    ]


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the longest, in milliseconds."""
    ordered = sorted(seconds)
    named = {name: ordered[int(len(ordered) * share)] * 1e3 for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {f"ack_{name}_ms": value for name, value in named.items()} | {
        "ack_p99_ms": ordered[int(len(ordered) * 0.99)] * 1e3,
        "ack_max_ms": ordered[-1] * 1e3,
    }


def single(path: Path) -> None:
    """One event at a time, each after the answer to the one before."""
    with Journal(path) as journal:
        seconds = []
        for number in range(SINGLE):
            started = time.perf_counter()
            journal.append(order(number)[:1]).result()
            seconds.append(time.perf_counter() - started)
    emit("journal_single", events_per_second=SINGLE / sum(seconds), **percentiles(seconds), peak_rss_mb=peak_rss_mb())


def grouped(path: Path) -> None:
    """As fast as one thread hands them in, one event an append, with so many unanswered at a time."""
    waiting: deque[Future[tuple[Event, ...]]] = deque()
    with Journal(path) as journal:
        started = time.perf_counter()
        for number in range(GROUPED):
            if len(waiting) == IN_FLIGHT:
                waiting.popleft().result()
            waiting.append(journal.append(order(number)[:1]))
        for future in waiting:
            future.result()
        seconds = time.perf_counter() - started
    emit("journal_grouped", events_per_second=GROUPED / seconds, peak_rss_mb=peak_rss_mb())


def offered(path: Path) -> None:
    """Intents at an even pace: the time from handing in to the answer."""
    seconds: list[float] = []

    def answered(since: float) -> Callable[[Future[tuple[Event, ...]]], None]:
        return lambda _: seconds.append(time.perf_counter() - since)

    with Journal(path) as journal:
        begun = time.perf_counter()
        for number in range(OFFERED_PER_SECOND * OFFERED_S):
            time.sleep(max(0.0, begun + number / OFFERED_PER_SECOND - time.perf_counter()))
            journal.append(order(number)[:1]).add_done_callback(answered(time.perf_counter()))
    emit(
        f"journal_offered_{OFFERED_PER_SECOND}_per_second",
        **percentiles(seconds),
        peak_rss_mb=peak_rss_mb(),
        does_not_show="the way through HTTP; the answer is timed in the writer's thread",
    )


def orders(path: Path) -> None:
    """Whole orders, many an append: what a replay at full speed writes."""
    with Journal(path) as journal:
        started = time.perf_counter()
        for number in range(0, EVENTS // PER_ORDER, ORDERS_PER_APPEND):
            journal.append([body for extra in range(ORDERS_PER_APPEND) for body in order(number + extra)]).result()
        seconds = time.perf_counter() - started
        events = journal.last_seq
    size = path.stat().st_size
    emit(
        "journal_orders",
        events=events,
        events_per_second=events / seconds,
        bytes_per_event=size / events,
        peak_rss_mb=peak_rss_mb(),
    )


def read(path: Path) -> None:
    """All of it, decoded, as a start without a snapshot reads it."""
    started = time.perf_counter()
    with JournalReader(path) as reader:
        events = sum(1 for _ in reader.since(0))
    emit("journal_read", events=events, seconds=time.perf_counter() - started, peak_rss_mb=peak_rss_mb())


PARTS: dict[str, Callable[[Path], None]] = {part.__name__: part for part in (single, grouped, offered, orders, read)}


def main() -> None:
    """Each part in its own process; `read` reads what `orders` wrote."""
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]](Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        for name in PARTS:
            file = Path(folder) / ("orders" if name == "read" else name) / "live.sqlite"
            subprocess.run([sys.executable, __file__, name, str(file)], check=True)


if __name__ == "__main__":
    main()
