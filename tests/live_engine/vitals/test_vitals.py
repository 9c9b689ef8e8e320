"""Readings of a real journal, and all figures together, as the API hands them out."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

from live_engine.api.figures import Figures
from live_engine.events import EngineStopped
from live_engine.journal.writer import Journal
from live_engine.orders.book import OrderBook
from live_engine.vitals.event_figures import EventFigures
from live_engine.vitals.gauges import Holdings, gauges_of, gauges_of_holdings, gauges_of_orders
from live_engine.vitals.health import HealthLimits, reasons
from live_engine.vitals.metrics import MOST_SERIES, text
from live_engine.vitals.readings import Host, StreamAge
from live_engine.vitals.vitals import Vitals, lag_of
from tests.live_engine.orders.order_events import accepted, intent, submitted
from tests.live_engine.vitals.clock import Clock
from tests.live_engine.vitals.exposition import parse


def test_a_journals_state_is_read_and_all_figures_are_well_formed(tmp_path: Path) -> None:
    book, figures, api = OrderBook(), EventFigures(), Figures()
    api.answered("GET /health", 200, 0.001)

    async def run() -> str:
        vitals = Vitals(tmp_path)
        measuring = asyncio.create_task(vitals.run())
        with Journal(tmp_path / "journal" / "live.sqlite") as journal:
            for event in await journal.appended(
                [intent("1"), submitted("1"), intent("2"), submitted("2"), accepted("2")]
            ):
                figures.on_event(event, book.apply(event.body, event.seq, event.wall_ns))
            while vitals.readings(journal).host == Host():  # noqa: ASYNC110 - it is asked for, and tells nobody
                await asyncio.sleep(0.01)
            readings = vitals.readings(
                journal,
                streams=(StreamAge(name="prices", age_s=2.5),),
                consumers=(lag_of("projector", 2, journal.last_seq), lag_of("other", None, 5)),
                queues={"orders": 4},
                kill="halt",
            )
        measuring.cancel()
        assert (
            reasons(readings, HealthLimits(loop_lag_s=60.0, rss_bytes=10**12, disk_free_bytes=0, disk_free_ratio=0))
            == ()
        )
        holdings = Holdings(equity=Decimal("100000.50"), drawdown_ratio=Decimal("0.01"), notional={"A": Decimal(-5)})
        return text(
            [
                *gauges_of(readings),
                *gauges_of_holdings(holdings),
                *gauges_of_orders(book.open_orders()),
                *figures.figures(),
            ]
        )

    written = asyncio.run(run())
    found = parse(written)
    assert found["live_journal_last_seq"].value("live_journal_last_seq") == 5
    assert found["live_journal_commit_seconds"].value("live_journal_commit_seconds") > 0
    assert found["live_queue_depth"].samples == {
        ("live_queue_depth", (("topic", "journal"),)): 0,
        ("live_queue_depth", (("topic", "orders"),)): 4,
    }
    assert found["live_consumer_lag_events"].samples == {("live_consumer_lag_events", (("consumer", "projector"),)): 3}
    assert found["live_stream_age_seconds"].value("live_stream_age_seconds", stream="prices") == 2.5
    assert found["live_killswitch_state"].value("live_killswitch_state") == 1
    assert found["live_orders_open"].value("live_orders_open") == 2
    assert found["live_orders_inflight"].value("live_orders_inflight") == 1
    assert found["live_equity"].value("live_equity") == 100_000.5
    assert found["live_position_notional"].value("live_position_notional", symbol="A") == -5
    assert found["process_resident_memory_bytes"].value("process_resident_memory_bytes") > 1_000_000
    page = (Path(__file__).resolve().parents[3] / "docs" / "live.md").read_text(encoding="utf-8")
    assert not {name for name in found if f"`{name}" not in page}
    own = {line.split()[2] for line in api.text(auth_failures=0).splitlines() if line.startswith("# TYPE")}
    assert own
    assert not own & set(found)


def test_a_commit_that_hangs_is_seen_though_nothing_waits_behind_it(tmp_path: Path) -> None:
    clock = Clock()
    vitals = Vitals(tmp_path, clock=clock, wall=clock)
    with Journal(tmp_path / "live.sqlite", mono_ns=clock) as journal:
        with closing(sqlite3.connect(journal.path)) as other:
            other.execute("BEGIN IMMEDIATE")  # the writer waits for it as for a device
            answer = journal.append([EngineStopped(reason="x")])
            assert vitals.readings(journal).journal_wait_s == 0
            clock.pass_s(6)
            while journal.oldest_wait_ns():  # until the writer has taken it
                time.sleep(0.001)
            hung = vitals.readings(journal)
            assert not answer.done()
        answer.result(30)
        (reason,) = reasons(hung, HealthLimits())
        assert reason.startswith("an event has waited for 6.0 s to be written")
        assert vitals.readings(journal).journal_wait_s == 0


def test_a_journal_that_failed_is_a_reason(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "live.sqlite")
    journal.run(lambda connection: connection.execute("no SQL"))
    journal.close()
    (reason,) = reasons(Vitals(tmp_path).readings(journal), HealthLimits())
    assert reason.startswith("the journal takes nothing more: ")
    assert str(tmp_path) in reason


def test_of_very_many_positions_the_largest_are_shown_and_the_rest_is_one() -> None:
    notional = {f"S{number}": Decimal(number * (-1) ** number) for number in range(1, MOST_SERIES + 11)}
    samples = parse(text(gauges_of_holdings(Holdings(notional=notional))))["live_position_notional"].samples
    assert len(samples) == MOST_SERIES
    assert samples["live_position_notional", (("symbol", "S210"),)] == 210
    assert samples["live_position_notional", (("symbol", "other"),)] == sum(range(1, 12))
