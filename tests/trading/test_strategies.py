"""Strategies: known answers by hand, and clear refusals."""

from __future__ import annotations

import math
from importlib import import_module

import pytest

from trading import strategies
from trading.bar import Bar
from trading.errors import StrategyError
from trading.indicators import WILDER_SIZE, rsi_push, sma_push, window_max, window_min, window_push, window_size
from trading.strategies import buy_and_hold
from trading.strategy import Decider, Strategy


def decisions(name: str, closes: list[float], **params: float) -> list[float]:
    decider = Decider(strategies.find(name), params)
    return [decider.on_bar(Bar(i, c, c + 0.5, c - 0.5, c, 0.0), 0.0) for i, c in enumerate(closes)]


@pytest.mark.parametrize("name", strategies.names())
def test_every_strategy_cites_its_source(name: str) -> None:
    docstring = import_module(f"trading.strategies.{name}").__doc__ or ""
    assert "Source:" in docstring
    assert strategies.find(name).source


def test_sma_cross_needs_a_crossing_before_its_first_trade() -> None:
    up, down = [1.0, 2.0, 3.0, 4.0, 5.0], [4.0, 3.0, 2.0, 1.0]
    answers = decisions("sma_cross", [*up, *down, *up], fast=1, slow=3)
    assert all(math.isnan(answer) for answer in answers[:2])
    assert answers[2:5] == [0.0, 0.0, 0.0]  # rising from the start: no crossing yet
    assert answers[6] == -1.0
    assert answers[-1] == 1.0


def test_donchian_enters_on_a_new_high_and_leaves_on_a_new_low_of_the_shorter_channel() -> None:
    closes = [10.0, 11.0, 10.0, 11.0, 13.0, 14.0, 13.5, 11.0, 11.0]
    answers = decisions("donchian_breakout", closes, entry=4, exit=2)
    assert all(math.isnan(answer) for answer in answers[:4])
    assert answers[4:7] == [1.0, 1.0, 1.0]
    assert answers[7] == 0.0


def test_rsi_buys_a_dip_in_an_uptrend_and_sells_the_recovery() -> None:
    closes = [float(10 + i) for i in range(10)] + [18.0, 17.5, 19.5]
    answers = decisions("rsi_mean_reversion", closes, period=2, low=40, exit=65, trend=8)
    assert answers[9] == 0.0
    assert answers[11] == 1.0
    assert answers[12] == 0.0


def test_momentum_scales_down_when_volatility_exceeds_the_goal() -> None:
    calm = [100.0 * 1.001**i for i in range(40)]
    wild = [100.0 * 1.01**i * (1.05 if i % 2 else 1.0) for i in range(40)]
    options = {"lookback": 10, "vol_bars": 5, "target_vol": 0.2, "hold": 1}
    assert decisions("momentum_vol_target", calm, **options)[-1] == 1.0
    assert 0.0 < decisions("momentum_vol_target", wild, **options)[-1] < 0.5


def test_rotation_holds_the_best_that_rose() -> None:
    strategy = strategies.find("momentum_rotation")
    params = strategy.params({"lookback": 2, "skip": 0, "top": 1, "hold": 1})
    assert strategy.allocate is not None
    state, weights = [0.0] * strategy.memory(params, 3), [0.0] * 3
    for i in range(5):
        row = [Bar(i, c, c, c, c, 0.0) for c in (10.0 + i, 10.0 + 2 * i, 10.0 - i)]
        traded = strategy.allocate(state, params, row, [0.0] * 3, weights)
    assert traded
    assert weights == [0.0, 1.0, 0.0]


def test_wilder_rsi_matches_a_worked_example() -> None:
    closes = [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.10, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28]
    state = [0.0] * WILDER_SIZE
    answers = [rsi_push(state, 0, 14, close) for close in closes]
    assert all(math.isnan(answer) for answer in answers[:-1])
    assert answers[-1] == pytest.approx(70.46, abs=0.01)
    assert rsi_push(state, 0, 14, 46.00) == pytest.approx(66.25, abs=0.01)


def test_windows_forget_the_oldest_value() -> None:
    state = [0.0] * window_size(3)
    assert math.isnan(sma_push(state, 0, 3, 9.0))
    for value in (1.0, 2.0):
        window_push(state, 0, 3, value)
    assert window_max(state, 0) == 9.0
    assert window_push(state, 0, 3, 3.0) == 9.0
    assert (window_min(state, 0), window_max(state, 0)) == (1.0, 3.0)


def test_an_unknown_strategy_is_answered_with_those_there_are() -> None:
    with pytest.raises(StrategyError, match="no such strategy; there are: atr_breakout, "):
        strategies.find("sma_crosss")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"fats": 3}, "has no parameter 'fats'; it has: fast, slow"),
        ({"fast": 30, "slow": 30}, "fast=30 must be smaller than slow=30"),
        ({"fast": 2.5}, "fast=2.5 must be a whole number"),
        ({"fast": math.nan}, "must be a whole number"),
        ({"slow": 1e300}, "must lie between 2 and 10000"),
        ({"fast": 0}, "fast=0 must lie between 1 and 5000"),
    ],
)
def test_wrong_parameters_are_refused_by_name(given: dict[str, float], message: str) -> None:
    with pytest.raises(StrategyError, match=message):
        strategies.find("sma_cross").params(given)


def test_a_strategy_must_decide_or_allocate() -> None:
    with pytest.raises(StrategyError, match="one of decide"):
        Strategy(name="nothing", source="", memory=buy_and_hold.memory)
    with pytest.raises(StrategyError, match="names no targets"):
        Decider(strategies.find("momentum_rotation"), {})


def test_averages_that_are_equal_but_for_rounding_are_no_crossing() -> None:
    answered = decisions("sma_cross", [10.1, 10.3] * 200, fast=2, slow=4)
    assert set(answered[3:]) == {0.0}
