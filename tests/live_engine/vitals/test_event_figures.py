"""What was written down is counted once, by labels that have an end."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from live_engine import events
from live_engine.orders.book import OrderBook
from live_engine.vitals.event_figures import EventFigures, reason_class
from live_engine.vitals.metrics import text
from tests.live_engine.orders.order_events import accepted, canceled, fill, intent, rejected, submitted
from tests.live_engine.vitals.exposition import Family, parse
from trading.ledger import REASONS

MS = 1_000_000


class Desk:
    """A book and its figures, fed with events as an engine feeds them: `now_ms` is when they were handed in."""

    def __init__(self) -> None:
        self.book = OrderBook()
        self.figures = EventFigures()
        self.now_ms = 0

    def write(self, *bodies: Any) -> None:  # noqa: ANN401 - any body
        """Write events down."""
        for body in bodies:
            seq = self.book.seq + 1
            event = events.Event(seq=seq, wall_ns=seq, mono_ns=self.now_ms * MS, body=body)
            self.figures.on_event(event, self.book.apply(body, seq, seq))

    def read(self) -> dict[str, Family]:
        """As a scraper would."""
        return parse(text(self.figures.figures()))

    def orders(self) -> Counter[str]:
        """By state, of all venues."""
        found: Counter[str] = Counter()
        for (_, labels), count in self.read()["live_orders_total"].samples.items():
            found[dict(labels)["state"]] += int(count)
        return found


def test_an_order_is_counted_once_in_each_state_that_it_comes_to() -> None:
    desk = Desk()
    desk.write(
        intent("1"), submitted("1"), accepted("1"), fill("1", "a", "4"), fill("1", "a", "4"), fill("1", "b", "6")
    )
    desk.write(intent("2"), submitted("2"), accepted("2"), canceled("2"))
    desk.write(canceled("1"))  # too late: the book leaves it filled
    assert desk.orders() == {"Intent": 2, "Submitted": 2, "New": 2, "Filled": 1, "Canceled": 1}
    labels = [dict(labels) for _, labels in desk.read()["live_orders_total"].samples]
    assert {one["venue"] for one in labels if one["state"] != "Intent"} == {"paper"}
    assert desk.read()["live_fills_total"].value("live_fills_total") == 2
    assert desk.read()["live_events_total"].value("live_events_total", type="OrderCanceled") == 2


def test_a_fill_after_the_end_makes_no_order_filled_again() -> None:
    desk = Desk()
    desk.write(intent("1"), submitted("1"), accepted("1"), fill("1", "a", "10"), fill("1", "b", "1", late=True))
    assert desk.orders()["Filled"] == 1


def test_denials_rejections_and_repetitions_are_told_apart() -> None:
    desk = Desk()
    desk.write(intent("1"), events.OrderDenied(client_order_id="1", rule="order_notional", reason="too much"))
    desk.write(intent("2"), submitted("2"))
    desk.write(events.OrderRejected(client_order_id="2", reason="Account has insufficient balance for 0x7f3a"))
    desk.figures.on_duplicate()
    found = desk.read()
    assert found["live_risk_denied_total"].value("live_risk_denied_total", rule="order_notional") == 1
    assert found["live_order_rejects_total"].value("live_order_rejects_total", reason="funds") == 1
    assert found["live_duplicates_suppressed_total"].value("live_duplicates_suppressed_total") == 1
    assert desk.orders() == {"Intent": 2, "Submitted": 1, "Rejected": 2}


def test_the_time_to_an_answer_is_that_of_the_first_one() -> None:
    desk = Desk()
    for order, answer, ms in [
        ("1", accepted("1"), 30),
        ("2", rejected("2"), 700),
        ("3", fill("3", "a", "1"), 3),
    ]:
        desk.write(intent(order), submitted(order))
        desk.now_ms += ms
        desk.write(answer, accepted(order))
    ack = desk.read()["live_order_ack_seconds"]
    assert ack.value("live_order_ack_seconds_sum") == pytest.approx(0.733)
    counts = [ack.value("live_order_ack_seconds_bucket", le=bound) for bound in ("0.001", "0.005", "0.05", "1", "+Inf")]
    assert counts == [0, 1, 2, 3, 3]


def test_orders_that_are_never_answered_are_not_remembered_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live_engine.vitals.event_figures.MOST_UNANSWERED", 2)
    desk = Desk()
    desk.write(*[body for order in "123" for body in (intent(order), submitted(order))])
    desk.write(accepted("1"), accepted("2"), accepted("3"))
    assert desk.read()["live_order_ack_seconds"].value("live_order_ack_seconds_count") == 2


def test_streams_and_strategies_are_counted() -> None:
    desk = Desk()
    gap = events.StreamGap(stream="feed", symbol="A", from_ns=1, to_ns=2)
    desk.write(events.StreamConnected(stream="feed"), gap, gap)
    desk.write(events.StrategyStopped(strategy="s", symbol="A"))
    desk.write(events.StrategyStopped(strategy="s", symbol="A", error="ZeroDivisionError"))
    found = desk.read()
    assert found["live_stream_gaps_total"].value("live_stream_gaps_total", stream="feed") == 2
    assert found["live_stream_connects_total"].value("live_stream_connects_total", stream="feed") == 1
    assert found["live_strategy_errors_total"].value("live_strategy_errors_total", strategy="s") == 1


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("Duplicate order sent.", "duplicate"),
        ("Too many requests; current limit is 1200", "rate"),
        ("Invalid API key, IP or permissions", "credentials"),
        ("Market is closed", "closed"),
        ("Filter failure: LOT_SIZE", "quantity"),
        ("Filter failure: PRICE_FILTER", "price"),
        ("7f3a-99", "other"),
        ("", "other"),
    ],
)
def test_a_reason_has_a_class(reason: str, expected: str) -> None:
    assert reason_class(reason) == expected


def test_the_rulebooks_own_reasons_have_classes_that_fit() -> None:
    assert {reason_class(reason) for reason in REASONS if "quantity is not" in reason} == {"quantity"}
    assert {reason_class(reason) for reason in REASONS if reason.startswith("over the limit")} == {"limit"}
    assert {reason_class(reason) for reason in REASONS if "margin" in reason} == {"funds"}
    assert {reason_class(reason) for reason in REASONS if reason.startswith("a price is")} == {"price"}
