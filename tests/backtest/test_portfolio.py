"""Portfolios with limits and a calendar: the plain loop where they ask nothing, and what they ask where they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.result import canonical
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from trading.rebalancing import EVERY_BARS, MONTH_END, WEEKDAY, Schedule, is_review
from trading.risk import (
    OVER_COUNT,
    OVER_GROSS,
    OVER_NET,
    OVER_WEIGHT,
    WITHIN,
    Limits,
    count_of,
    gross_of,
    limit_weights,
    net_of,
    order_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = pytest.mark.xdist_group("compiled")

DAY_US = 86_400_000_000
SHORT = {"lookback": 6.0, "skip": 2.0, "top": 2.0, "hold": 3.0}
ASKS_NOTHING = FrictionSpec(limits="gross=1000")

asked = st.builds(
    FrictionSpec,
    limits=st.sampled_from(["", "weight=30%", "weight=40%:gross=50%", "gross=60%:net=20%"]),
    rebalance=st.sampled_from(["every:4", "month-end", "weekday:fri"]),
)
weights = st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=8)
limits = st.builds(Limits, st.floats(0.1, 2.0), st.floats(0.1, 3.0), st.floats(0.05, 2.0), st.integers(1, 9).map(float))


def three(make: Callable[..., Bars], seed: int, length: int) -> list[Bars]:
    return [make(seed, length, "A"), make(seed + 1, length, "B"), make(seed + 2, length, "C", offset=length // 3)]


def spec_with(frictions: FrictionSpec, fill: str = "next-open", **options: object) -> BacktestSpec:
    return BacktestSpec(strategy="momentum_rotation", params=SHORT, fill=fill, frictions=frictions, **options)  # type: ignore[arg-type]


@given(seed=st.integers(0, 10_000), length=st.integers(3, 120), fill=st.sampled_from(["next-open", "close"]))
@settings(max_examples=20)
def test_limits_that_ask_nothing_give_the_plain_loop_to_the_bit(
    seed: int, length: int, fill: str, random_bars: Callable[..., Bars]
) -> None:
    bars = three(random_bars, seed, length)
    plain, limited = (run_backtest(spec_with(one, fill), bars) for one in (FrictionSpec(), ASKS_NOTHING))
    assert plain.equity.tobytes() == limited.equity.tobytes()
    assert plain.fills.equals(limited.fills)


@given(seed=st.integers(0, 10_000), length=st.integers(3, 100), frictions=asked)
@settings(max_examples=20)
def test_compiled_equals_interpreted_to_the_bit(
    seed: int, length: int, frictions: FrictionSpec, random_bars: Callable[..., Bars]
) -> None:
    bars = three(random_bars, seed, length)
    compiled, interpreted = (run_backtest(spec_with(frictions), bars, interpreted=one) for one in (False, True))
    assert canonical(compiled.document) == canonical(interpreted.document)
    assert compiled.equity.tobytes() == interpreted.equity.tobytes()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_what_is_bought_stays_within_the_limits(seed: int, random_bars: Callable[..., Bars]) -> None:
    bars = [random_bars(seed + n, 100, symbol) for n, symbol in enumerate("ABC")]
    result = run_backtest(
        spec_with(FrictionSpec(limits="weight=20%:gross=30%", rebalance="every:1"), "close", close_at_end=False), bars
    )
    assert result.fills.height
    assert result.exposure.max() <= 0.30 + 1e-9


def test_trades_follow_reviews_only(random_bars: Callable[..., Bars]) -> None:
    bars = three(random_bars, 5, 200)
    result = run_backtest(spec_with(FrictionSpec(rebalance="weekday:tue"), close_at_end=False), bars)
    assert result.fills.height > 10
    assert set(result.fills["ts"].dt.weekday()) == {3}  # decided on a Tuesday's close, filled at the next open


@given(day=st.integers(0, 40_000), gap=st.integers(1, 5))
def test_reviews_fall_on_the_days_that_a_calendar_names(day: int, gap: int) -> None:
    now, following = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=one) for one in (day, day + gap))
    asked_of = (day, day * DAY_US, (day + gap) * DAY_US, False)
    assert is_review(Schedule(MONTH_END), *asked_of) is ((now.year, now.month) != (following.year, following.month))
    assert is_review(Schedule(WEEKDAY, now.weekday()), *asked_of)
    assert not is_review(Schedule(WEEKDAY, (now.weekday() + 1) % 7), *asked_of)
    assert is_review(Schedule(EVERY_BARS, 3), *asked_of) is (day % 3 == 0)
    assert not is_review(Schedule(), *asked_of)


@given(weights=weights, limits=limits)
def test_limited_weights_keep_all_limits_and_every_side(weights: list[float], limits: Limits) -> None:
    limited = list(weights)
    limit_weights(limits, limited)
    assert max(map(abs, limited)) <= limits.weight * (1 + 1e-9)
    assert gross_of(limited) <= limits.gross * (1 + 1e-9)
    assert abs(net_of(limited)) <= limits.net + 1e-9
    assert count_of(limited) <= limits.positions
    if count_of(weights) > limits.positions:
        both = list(zip(weights, limited, strict=True))
        kept, dropped = ([abs(weight) for weight, after in both if (after != 0.0) is one] for one in (True, False))
        assert min(kept) >= max(dropped)
    assert all(
        before * after >= 0.0 and abs(after) <= abs(before) for before, after in zip(weights, limited, strict=True)
    )


def test_an_order_that_breaks_a_limit_is_refused_and_one_that_mends_it_is_not() -> None:
    limits = Limits(weight=0.5, gross=1.0, net=0.6)
    assert order_refusal(limits, [0.0, 0.3], 0, 0.3) == WITHIN
    assert order_refusal(limits, [0.0, 0.3], 0, 0.51) == OVER_WEIGHT
    assert order_refusal(limits, [0.0, 0.45, -0.45], 0, 0.2) == OVER_GROSS
    assert order_refusal(limits, [0.0, 0.4], 0, 0.3) == OVER_NET
    assert order_refusal(limits, [0.9, 0.9], 0, 0.7) == WITHIN
    few = Limits(positions=2)
    assert order_refusal(few, [0.1, -0.1, 0.0], 2, 0.1) == OVER_COUNT
    assert order_refusal(few, [0.1, -0.1, 0.2], 2, 0.3) == order_refusal(few, [0.1, 0.0, 0.0], 2, 0.3) == WITHIN


@pytest.mark.parametrize(
    ("strategy", "frictions", "what"),
    [
        ("momentum_rotation", FrictionSpec(latency="20ms"), "finer bars, which decide for one symbol"),
        ("momentum_rotation", FrictionSpec(leverage=2.0), "carries up to 1"),
        ("momentum_rotation", FrictionSpec(limits="positions=1.5"), "a number of positions is whole"),
        ("high_breakout", FrictionSpec(rebalance="every:5"), "no calendar moves them"),
        ("momentum_rotation", FrictionSpec(limits="weight=0%"), "must be above 0"),
        ("momentum_rotation", FrictionSpec(limits="size=1"), "not one of gross=, net=, positions=, weight="),
        ("momentum_rotation", FrictionSpec(rebalance="weekday:xmas"), "write every:5"),
        ("momentum_rotation", FrictionSpec(rebalance="every:0"), "write every:5"),
        ("sma_cross", FrictionSpec(limits="weight=50%"), "for many symbols"),
    ],
)
def test_what_does_not_fit_is_refused(strategy: str, frictions: FrictionSpec, what: str) -> None:
    with pytest.raises(BacktestError, match=what):
        BacktestSpec(strategy=strategy, frictions=frictions).checked()
