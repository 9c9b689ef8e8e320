"""The writer: acknowledged is committed, what belongs together stays together, refusals cost nobody else anything."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_engine.errors import DuplicateIntentError, EventRefusedError, JournalFullError, JournalWriteError
from live_engine.events import CancelRequested, OrderIntent, StrategyStarted
from live_engine.journal.batch import written
from live_engine.journal.reader import JournalReader
from live_engine.journal.writer import Bounds, Journal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from decimal import Decimal
    from pathlib import Path

    Cancel = Callable[[int], CancelRequested]
    Intent = Callable[..., OrderIntent]


class Gate:
    """Holds the writer's thread until it is opened, so that a test decides what queues meanwhile."""

    def __init__(self, journal: Journal) -> None:
        self._opened, entered = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            entered.set()
            assert self._opened.wait(30)

        journal.run(hold)
        assert entered.wait(30)

    def open(self) -> None:
        """Let the writer go on."""
        self._opened.set()


def test_what_goes_in_comes_out_in_its_order(path: Path, journal: Journal, intent: Intent, cancel: Cancel) -> None:
    (first,) = journal.append([intent("a", "0.10")], flow="call 1").result()
    rest = journal.append([cancel(1), cancel(2)], cause=first.seq, flow="call 1").result()
    with JournalReader(path) as reader:
        assert reader.after(0) == [first, *rest]
        assert [event.seq for event in reader.after(0)] == [1, 2, 3]
        assert reader.after(2) == [rest[1]]
    assert [event.cause for event in rest] == [1, 1]
    assert isinstance(first.body, OrderIntent)
    assert str(first.body.quantity) == "0.10"


def test_an_answer_comes_after_the_commit(path: Path, journal: Journal, cancel: Cancel) -> None:
    with JournalReader(path) as reader:
        for number in range(1, 21):
            (event,) = journal.append([cancel(number)]).result()
            assert reader.last_seq() == event.seq == number


def test_nothing_is_answered_or_seen_before_the_commit(path: Path, journal: Journal, cancel: Cancel) -> None:
    gate = Gate(journal)
    future = journal.append([cancel(1)])
    with JournalReader(path) as reader:
        assert not future.done()
        assert reader.last_seq() == 0
        gate.open()
        assert future.result()[0].seq == reader.last_seq() == 1


def test_what_queues_during_a_commit_shares_the_next_one(path: Path, journal: Journal, cancel: Cancel) -> None:
    gate = Gate(journal)
    before = _commits(path)
    futures = [journal.append([cancel(number)]) for number in range(500)]
    assert journal.queued == 500
    gate.open()
    assert [future.result()[0].seq for future in futures] == list(range(1, 501))
    assert journal.queued == 0
    assert _commits(path) - before == 1


def test_a_batch_is_bounded(path: Path, cancel: Cancel) -> None:
    with Journal(path, bounds=Bounds(batch_events=100)) as journal:
        gate = Gate(journal)
        before = _commits(path)
        futures = [journal.append([cancel(number)]) for number in range(500)]
        gate.open()
        assert futures[-1].result()[0].seq == 500
        assert _commits(path) - before == 5


def test_a_second_intent_under_an_id_is_refused_alone(path: Path, journal: Journal, intent: Intent) -> None:
    gate = Gate(journal)
    futures = [journal.append([intent(name)]) for name in ("a", "b", "a", "c")]
    gate.open()
    assert [futures[place].result()[0].seq for place in (0, 1, 3)] == [1, 2, 3]
    with pytest.raises(DuplicateIntentError, match="'a' was used by event 1") as caught:
        futures[2].result()
    assert caught.value.seq == 1
    with JournalReader(path) as reader:
        assert [event.seq for event in reader.after(0)] == [1, 2, 3]


def test_a_refused_append_leaves_nothing_of_itself(path: Path, intent: Intent, cancel: Cancel) -> None:
    with Journal(path) as journal:
        journal.append([intent("a")]).result()
    with Journal(path) as journal:
        with pytest.raises(DuplicateIntentError):
            journal.append([cancel(1), intent("b"), intent("a")]).result()
        with pytest.raises(DuplicateIntentError):
            journal.append([intent("c"), intent("c")]).result()
        assert [event.seq for event in journal.append([intent("b"), cancel(2)]).result()] == [2, 3]


def test_other_events_of_an_order_are_no_duplicates(journal: Journal, intent: Intent) -> None:
    journal.append([intent("a")]).result()
    again = journal.append([CancelRequested(client_order_id="a"), CancelRequested(client_order_id="a")]).result()
    assert [event.seq for event in again] == [2, 3]


def test_the_wall_clock_may_step_back_and_seq_does_not(
    path: Path, clock: list[int], journal: Journal, cancel: Cancel
) -> None:
    journal.append([cancel(1)]).result()
    clock[0] -= 3_600_000_000_000
    journal.append([cancel(2)]).result()
    with JournalReader(path) as reader:
        first, second = reader.after(0)
    assert second.wall_ns == first.wall_ns - 3_600_000_000_000
    assert second.mono_ns >= first.mono_ns


def test_seq_goes_on_after_a_restart_and_the_epoch_stays(path: Path, cancel: Cancel) -> None:
    epochs = set()
    for number in range(1, 4):
        with Journal(path) as journal:
            assert journal.last_seq == number - 1
            assert journal.append([cancel(number)]).result()[0].seq == number
            epochs.add(journal.epoch)
    assert len(epochs) == 1
    assert len(epochs.pop()) == 32


@pytest.mark.parametrize("bounds", [Bounds(queue_events=3), Bounds(queue_bytes=300)])
def test_a_full_queue_refuses_and_goes_on_when_there_is_room(path: Path, cancel: Cancel, bounds: Bounds) -> None:
    with Journal(path, bounds=bounds) as journal:
        gate = Gate(journal)
        futures = [journal.append([cancel(number)]) for number in range(3)]
        with pytest.raises(JournalFullError, match="3 events"):
            journal.append([cancel(4)])
        assert journal.oldest_wait_ns() > 0
        gate.open()
        assert futures[-1].result()[0].seq == 3
        assert journal.append([cancel(5)]).result()[0].seq == 4
        assert journal.oldest_wait_ns() == 0


@pytest.mark.parametrize(
    "body",
    [
        StrategyStarted(strategy="s", symbol="X", params={"fast": float("nan")}, warm_up_bars=1),
        CancelRequested(client_order_id="half a pair: \ud800"),
        CancelRequested(client_order_id="x" * 16_000_001),
        CancelRequested(client_order_id=3),  # type: ignore[arg-type]
        "no body",
    ],
)
def test_what_could_not_be_read_back_is_not_written(path: Path, journal: Journal, cancel: Cancel, body: Any) -> None:  # noqa: ANN401
    with pytest.raises(EventRefusedError):
        journal.append([cancel(1), body])
    assert journal.append([cancel(2)]).result()[0].seq == 1
    assert journal.failed is None
    with JournalReader(path) as reader:
        assert reader.last_seq() == 1


@pytest.mark.parametrize(("bodies", "cause", "flow"), [(0, 0, ""), (1, -1, ""), (1, 2**63, ""), (1, 0, "\udfff")])
def test_an_envelope_that_cannot_be_kept_is_refused(
    journal: Journal, cancel: Cancel, bodies: int, cause: int, flow: str
) -> None:
    with pytest.raises(EventRefusedError):
        journal.append([cancel(1)] * bodies, cause=cause, flow=flow)


def test_a_megabyte_of_unicode_comes_back(path: Path, journal: Journal) -> None:
    reason = "Ω漢\U0001f9ca\0\n\"'" * 100_000
    journal.append([CancelRequested(client_order_id="é" * 100_000, reason=reason)], flow="流").result()
    with JournalReader(path) as reader:
        (event,) = reader.after(0)
    assert event.body == CancelRequested(client_order_id="é" * 100_000, reason=reason)
    assert event.flow == "流"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.decimals(allow_nan=False, allow_infinity=False))
def test_any_text_and_any_number_is_read_as_it_was_given(tmp_path_factory: Any, text: str, number: Decimal) -> None:  # noqa: ANN401
    body = OrderIntent(client_order_id=text, symbol=text, side="buy", order_type="market", quantity=number)
    (read,), _ = written([body], 0, text, tmp_path_factory.getbasetemp())
    assert read == body
    assert isinstance(read, OrderIntent)
    assert str(read.quantity) == str(number)


def test_a_coroutine_waits_without_holding_up_the_loop(journal: Journal, intent: Intent, cancel: Cancel) -> None:
    async def together() -> list[int]:
        answers = await asyncio.gather(*(journal.appended([cancel(number)]) for number in range(50)))
        with pytest.raises(DuplicateIntentError):
            await asyncio.gather(journal.appended([intent("a")]), journal.appended([intent("a")]))
        return [events[0].seq for events in answers]

    assert asyncio.run(together()) == list(range(1, 51))


def test_a_caller_that_gives_up_does_not_take_the_event_back(path: Path, journal: Journal, cancel: Cancel) -> None:
    async def give_up() -> None:
        gate = Gate(journal)
        waiting = asyncio.create_task(journal.appended([cancel(1)]))
        await asyncio.sleep(0)
        waiting.cancel()
        gate.open()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    asyncio.run(give_up())
    assert journal.append([cancel(2)]).result()[0].seq == 2
    with JournalReader(path) as reader:
        assert reader.last_seq() == 2


def test_closing_writes_what_waits_and_then_refuses(path: Path, cancel: Cancel) -> None:
    journal = Journal(path)
    futures = [journal.append([cancel(number)]) for number in range(100)]
    journal.close()
    assert [future.result()[0].seq for future in futures] == list(range(1, 101))
    with pytest.raises(JournalWriteError, match="closed"):
        journal.append([cancel(1)])


def test_other_work_that_is_refused_leaves_nothing_and_stops_nothing(journal: Journal, cancel: Cancel) -> None:
    def spoil(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM events")
        raise LookupError("thought better of it")

    journal.append([cancel(1)]).result()
    with pytest.raises(LookupError):
        journal.run(spoil).result()
    assert journal.run(lambda connection: connection.execute("SELECT count(*) FROM events").fetchone()[0]).result() == 1
    assert journal.append([cancel(2)]).result()[0].seq == 2


def _commits(path: Path) -> int:
    """How many commits the write-ahead log holds: its frames that end a transaction."""
    data = path.with_name("live.sqlite-wal").read_bytes()
    frame = 24 + int.from_bytes(data[8:12], "big")
    return sum(data[start + 4 : start + 8] != b"\0\0\0\0" for start in range(32, len(data), frame))
