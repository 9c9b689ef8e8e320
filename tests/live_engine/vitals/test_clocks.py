"""Hold-ups, steps of the clock and a writer that hangs are seen, by whoever looks within the next minutes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from live_engine.vitals.clocks import ClockSteps, LoopLag, Standstill, Worst
from tests.live_engine.vitals.clock import SECOND_NS, Clock

if TYPE_CHECKING:
    from collections.abc import Iterator


class Over(Exception):  # noqa: N818 - no error
    """All sleeps of a test were slept."""


def lag_after(clock: Clock, lates: Iterator[float], **settings: float) -> LoopLag:
    """A measuring task whose sleeps were so much too long."""

    async def sleep(seconds: float) -> None:
        late = next(lates, None)
        if late is None:
            raise Over
        clock.pass_s(seconds + late)

    lag = LoopLag(clock, sleep=sleep, **settings)
    with pytest.raises(Over):
        asyncio.run(lag.run())
    return lag


def test_the_longest_hold_up_of_the_last_minute_is_told() -> None:
    clock = Clock()
    lag = lag_after(clock, iter([0.0, 0.75, 0.25]))
    assert lag.lag_s() == 0.75
    clock.pass_s(59.0)
    assert lag.lag_s() == 0.75
    clock.pass_s(0.5)
    assert lag.lag_s() == 0.25
    clock.pass_s(2)
    assert lag.lag_s() == 0.0


def test_a_real_loop_that_is_blocked_is_seen_at_once_and_afterwards() -> None:
    async def run() -> tuple[float, float]:
        lag = LoopLag(time.monotonic_ns, every_s=0.01)
        task = asyncio.create_task(lag.run())
        await asyncio.sleep(0.05)
        time.sleep(0.3)  # noqa: ASYNC251 - this is the fault
        at_once = lag.lag_s()
        await asyncio.sleep(0.05)
        task.cancel()
        return at_once, lag.lag_s()

    at_once, afterwards = asyncio.run(run())
    assert at_once >= 0.28
    assert afterwards >= at_once


def test_before_it_measures_and_after_its_end_there_is_no_lag() -> None:
    clock = Clock()
    lag = LoopLag(clock)
    clock.pass_s(100)
    assert lag.lag_s() == 0.0
    ended = lag_after(clock, iter([0.0]))
    clock.pass_s(100)
    assert ended.lag_s() == 0.0


@pytest.mark.parametrize("step_s", [3_600.0, -2.5])
def test_a_clock_that_is_set_is_told_for_some_minutes(step_s: float) -> None:
    clock, wall = Clock(), Clock(1_700_000_000.0)
    steps = ClockSteps(clock, wall)

    def passes(seconds: float) -> float:
        clock.pass_s(seconds)
        wall.pass_s(seconds)
        return steps.step_s()

    assert passes(1.0) == 0.0
    wall.pass_s(step_s)
    assert passes(1.0) == step_s
    assert passes(299.0) == step_s
    assert passes(2.0) == 0.0


def test_a_small_step_does_not_hide_a_large_one() -> None:
    worst = Worst(10)
    for second, value in enumerate([1.0, -5.0, 2.0, 0.5]):
        worst.add(second * SECOND_NS, value)
    assert [worst.value(second * SECOND_NS) for second in (3, 11, 12, 13, 14)] == [-5.0, -5.0, 2.0, 0.5, 0.0]


def test_a_writer_that_has_work_and_comes_to_nothing_stands_still() -> None:
    clock = Clock()
    still = Standstill(clock)
    assert still.seconds(5, 1) == 0.0
    clock.pass_s(4)
    assert still.seconds(5, 1) == 4.0
    clock.pass_s(4)
    assert still.seconds(6, 1) == 0.0
    clock.pass_s(4)
    assert still.seconds(6, 0) == 0.0  # idle for long is no standstill
    clock.pass_s(4)
    assert still.seconds(6, 2) == 4.0
