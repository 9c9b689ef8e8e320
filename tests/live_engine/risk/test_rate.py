"""Counts of orders against a list of all moments; a restart, a long run and a clock that steps back."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from live_engine.events import OrderAccepted, OrderSubmitted
from live_engine.risk.rate import (
    DAY_NS,
    GRAIN_NS,
    MINUTE_NS,
    SECOND_NS,
    OrderCounts,
    fold_counts,
    in_last_minute,
    in_last_second,
    orders_today,
)
from tests.live_engine.risk.facts import NOW, event, order

SENT = OrderSubmitted(client_order_id="x", venue="paper")


def counts_of(moments: list[int]) -> OrderCounts:
    counts = OrderCounts()
    for moment in moments:
        counts = fold_counts(counts, event(SENT, moment))
    return counts


steps = st.lists(st.integers(0, 1_500).map(lambda grains: grains * GRAIN_NS), min_size=1, max_size=60)


@given(steps=steps, last=st.integers(0, 7_000).map(lambda grains: grains * GRAIN_NS))
def test_counts_are_those_of_a_list_of_all_moments(steps: list[int], last: int) -> None:
    moments = [NOW + sum(steps[: i + 1]) for i in range(len(steps))]
    now, counts = moments[-1] + last, counts_of(moments)
    assert in_last_second(counts, now) == sum(moment > now - SECOND_NS for moment in moments)
    assert in_last_minute(counts, now) == sum(moment > now - MINUTE_NS for moment in moments)
    assert orders_today(counts, now) == sum(moment // DAY_NS == now // DAY_NS for moment in moments)


@given(gaps=st.lists(st.integers(0, 400_000_000), max_size=60), most=st.integers(1, 5))
def test_never_more_than_the_limit_fall_into_any_second(gaps: list[int], most: int) -> None:
    counts, now, sent = OrderCounts(), NOW, []
    for gap in gaps:
        now += gap
        if in_last_second(counts, now) < most:
            counts = fold_counts(counts, event(SENT, now))
            sent.append(now)
    for moment in sent:
        assert sum(moment - SECOND_NS < other <= moment for other in sent) <= most


def test_only_what_was_sent_counts() -> None:
    for body in (order(), OrderAccepted(client_order_id="x")):
        assert fold_counts(OrderCounts(), event(body)) == OrderCounts()


def test_a_restart_forgets_nothing() -> None:
    counts = counts_of([NOW, NOW + 5, NOW + SECOND_NS])
    restored = msgspec.json.decode(msgspec.json.encode(counts), type=OrderCounts)
    assert restored == counts


def test_memory_is_bounded_whatever_the_load() -> None:
    counts = OrderCounts()
    for i in range(13_000):
        counts = fold_counts(counts, event(SENT, NOW + i * GRAIN_NS))
    assert len(counts.grains) <= MINUTE_NS // GRAIN_NS + 1
    burst = OrderCounts()
    for i in range(5_000):
        burst = fold_counts(burst, event(SENT, NOW + i))
    assert len(burst.grains) <= 2
    assert in_last_second(burst, NOW + 5_000) == 5_000


def test_a_clock_that_steps_back_neither_forgets_nor_jams() -> None:
    counts = counts_of([NOW] * 5)
    back = NOW - 3_600 * SECOND_NS
    assert in_last_second(counts, back) == 5
    counts = fold_counts(counts, event(SENT, back))
    assert in_last_second(counts, back) == 6
    assert in_last_second(counts, back + SECOND_NS) == 0


def test_a_clock_that_steps_back_over_midnight_keeps_the_days_count() -> None:
    midnight = (NOW // DAY_NS + 1) * DAY_NS
    counts = counts_of([midnight + 1, midnight + 2])
    assert orders_today(counts, midnight - 1) == 2
    assert orders_today(fold_counts(counts, event(SENT, midnight - 1)), midnight + 3) == 3
    assert orders_today(counts, midnight + DAY_NS) == 0
