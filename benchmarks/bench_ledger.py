"""The ledger: events a second of a backlog into both stores, and the memory that takes; how long the sensor looks.

Everything is flushed to this machine's disk; each figure is taken in a process of its own, so that its memory is too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_journal import ORDERS_PER_APPEND, PER_ORDER, order
from measure import ROOT, emit, peak_rss_mb

from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Journal
from pi5_pipelines.settings import load_settings

EVENTS = int(os.environ.get("PI5_LEDGER_EVENTS", "1000000"))


def backlog() -> None:
    """A journal of nothing but orders that fill, which cost the ledger most."""
    from pi5_pipelines.ledger.source import journal_file

    with Journal(journal_file(load_settings())) as journal:
        for number in range(0, EVENTS // PER_ORDER, ORDERS_PER_APPEND):
            journal.append([body for one in range(ORDERS_PER_APPEND) for body in order(number + one)]).result()


def look() -> None:
    """What a tick of the sensor reads, with the whole backlog before it."""
    from pi5_pipelines.automation.journal import OBSERVED_AT_ONCE, observed
    from pi5_pipelines.ledger.offset import committed
    from pi5_pipelines.ledger.source import journal_file

    settings = load_settings()
    started = time.perf_counter()
    with JournalReader(journal_file(settings)) as reader:
        committed(settings.folder("lake"), reader.epoch())
        reader.of_types(observed(), 0, OBSERVED_AT_ONCE)
    emit(
        "ledger_tick", events=EVENTS, seconds=round(time.perf_counter() - started, 3), peak_rss_mb=round(peak_rss_mb())
    )


def ranges() -> None:
    """One run after the other, as the sensor asks for them."""
    from pi5_pipelines.ledger.asking import RANGE_EVENTS
    from pi5_pipelines.ledger.consume import consume

    settings, seconds = load_settings(), []
    for end in range(RANGE_EVENTS, EVENTS + RANGE_EVENTS, RANGE_EVENTS):
        started = time.perf_counter()
        consume(settings, to_seq=min(end, EVENTS))
        seconds.append(time.perf_counter() - started)
    figures = {"first_run_s": round(seconds[0], 1), "last_run_s": round(seconds[-1], 1)}
    rate = round(EVENTS / sum(seconds))
    emit("ledger_backlog", events=EVENTS, events_per_second=rate, peak_rss_mb=round(peak_rss_mb()), **figures)


def there() -> None:
    """The whole of it from the lake into TimescaleDB, as after a first dsn, and both stores compared."""
    import psycopg

    from pi5_pipelines.ledger import hot
    from pi5_pipelines.timescale.migrations import migrate

    sys.path.insert(0, str(ROOT))
    from tests.timescale.fixtures import serving

    with serving("apache") as server:
        os.environ["PI5_TIMESCALE_DSN"] = server.dsn
        with psycopg.connect(server.dsn, autocommit=True) as connection:
            migrate(connection)
        started = time.perf_counter()
        done = hot.follow(load_settings())
        rate, rss_mb = round(done.to_seq / (time.perf_counter() - started)), round(peak_rss_mb())
        started = time.perf_counter()
        problems = len(hot.differing(load_settings()))
        compared = {"compared_s": round(time.perf_counter() - started, 1), "compared_rss_mb": round(peak_rss_mb())}
    emit(
        "ledger_in_timescaledb",
        events=done.to_seq,
        events_per_second=rate,
        rows=sum(done.rows.values()),
        peak_rss_mb=rss_mb,
        problems=problems,
        **compared,
        does_not_show="a server that flushes: this one runs with fsync off",
    )


def whole() -> None:
    """The comparison with the engine's own fold."""
    from pi5_pipelines.ledger.audit import differing

    started = time.perf_counter()
    seq, problems = differing(load_settings())
    took = round(time.perf_counter() - started, 1)
    emit("ledger_audit", events=seq, problems=len(problems), seconds=took, peak_rss_mb=round(peak_rss_mb()))


PARTS = {part.__name__: part for part in (backlog, look, ranges, there, whole)}


def main() -> None:
    """Run one part, or all in processes of their own upon one home."""
    if len(sys.argv) > 1:
        PARTS[sys.argv[1]]()
        return
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as home:
        for name in PARTS:
            subprocess.run([sys.executable, __file__, name], env={**os.environ, "PI5_HOME": home}, check=True)


if __name__ == "__main__":
    main()
