"""Figures come out as a scraper reads them, whatever their labels hold, and of no more series than are bounded."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from live_engine.vitals.metrics import MOST_SERIES, Counter, Gauge, Histogram, text
from tests.live_engine.vitals.exposition import parse

UGLY = ['plain "quoted"', "back\\slash", "two\nlines", "\\n is no line break", 'all "of\\it\n', "Zürich €", "{a=b},c"]


def test_the_text_is_exactly_that_of_the_format() -> None:
    orders = Counter("live_orders_total", "Orders.", ("venue", "state"))
    orders.add("paper", "New")
    orders.add("paper", "New", by=2)
    lag = Gauge("live_loop_lag_seconds", 'Lag "now"\nand \\ before.', 0.25)
    assert text([orders, lag]) == (
        "# HELP live_orders_total Orders.\n"
        "# TYPE live_orders_total counter\n"
        'live_orders_total{venue="paper",state="New"} 3\n'
        '# HELP live_loop_lag_seconds Lag "now"\\nand \\\\ before.\n'
        "# TYPE live_loop_lag_seconds gauge\n"
        "live_loop_lag_seconds 0.25\n"
    )


@pytest.mark.parametrize("value", UGLY)
def test_label_values_read_back_as_they_were(value: str) -> None:
    counter = Counter("a_total", value, ("x", "y"))
    counter.add(value, "b")
    found = parse(text([counter, Gauge.by("x", "b", "B.", {value: 1})]))
    assert found["a_total"].told == value
    assert found["a_total"].value("a_total", x=value, y="b") == 1
    assert found["b"].value("b", x=value) == 1


def test_a_histogram_counts_upward_and_a_value_on_a_bound_belongs_below_it() -> None:
    ack = Histogram("ack_seconds", "Ack.", (0.1, 1, 10))
    for value in (0.05, 0.1, 0.5, 1.0, 99.0):
        ack.observe(value)
    found = parse(text([ack]))["ack_seconds"]
    assert [found.value("ack_seconds_bucket", le=bound) for bound in ("0.1", "1", "10", "+Inf")] == [2, 4, 4, 5]
    assert found.value("ack_seconds_count") == 5
    assert found.value("ack_seconds_sum") == pytest.approx(100.65)


def test_what_is_not_known_is_left_out_and_never_zero() -> None:
    assert (
        text([Gauge("a", "A.", None), Gauge.by("x", "b", "B.", {"one": None}), Counter("c_total", "C.", ("x",))]) == ""
    )
    found = parse(text([Gauge.by("x", "b", "B.", {"one": None, "two": 0})]))
    assert found["b"].samples == {("b", (("x", "two"),)): 0}


def test_a_counter_without_labels_begins_at_zero() -> None:
    assert parse(text([Counter("c_total", "C.")]))["c_total"].value("c_total") == 0


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (True, "1"),
        (2**60, str(2**60)),
        (3.0, "3"),
        (1e-9, "1e-09"),
        (1e22, "1e+22"),
        (Decimal("12.50"), "12.5"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_numbers_are_written_as_the_format_has_them(number: float | Decimal, shown: str) -> None:
    written = text([Gauge("a", "A.", number)])
    assert written.splitlines()[-1] == f"a {shown}"
    parse(written)


def test_labels_without_a_bound_make_no_series_without_a_bound() -> None:
    counter = Counter("a_total", "A.", ("reason",))
    for number in range(10 * MOST_SERIES):
        counter.add(f"reason {number}")
    samples = parse(text([counter]))["a_total"].samples
    assert len(samples) == MOST_SERIES + 1
    assert samples["a_total", (("reason", "other"),)] == 9 * MOST_SERIES
    assert sum(samples.values()) == 10 * MOST_SERIES
