"""Slightly worse conditions: a late strategy decides what it would have decided, a bar later, and costs only cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.delay import delayed_decide
from pi5_pipelines.honesty.sensitivity import delayed, doubled_costs, neighbours, sensitivity
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = pytest.mark.xdist_group("compiled")

SPEC = BacktestSpec(strategy="sma_cross", params={"fast": 5, "slow": 20}, fee_bps=5.0)


@pytest.mark.parametrize("name", ["sma_cross", "donchian_breakout", "rsi_mean_reversion"])
def test_a_late_strategy_decides_the_same_one_bar_later(goog: Bars, name: str) -> None:
    runner = Runner(BacktestSpec(strategy=name), [goog])
    params = tuple(runner.spec.params.values())
    in_time = runner.run(params).curve[driver.CURVE_DECISION].copy()
    late = delayed(runner, params).curve[driver.CURVE_DECISION]
    assert late[0] == 0.0
    assert np.array_equal(late[1:], in_time[:-1], equal_nan=True)


def test_a_late_strategy_is_the_same_compiled_and_in_plain_python(goog: Bars) -> None:
    runner = Runner(SPEC, [goog])
    compiled = delayed(runner, (5.0, 20.0)).curve.copy()
    decide = runner.strategy.decide
    assert decide is not None
    memory = 1 + runner.strategy.memory((5.0, 20.0), 1)
    plain = runner.run_loop(driver.one_symbol(delayed_decide(decide)), np.array([5.0, 20.0]), memory).curve
    assert np.array_equal(compiled, plain, equal_nan=True)


def test_a_late_rotation_trades_the_weights_of_the_bar_before(walk: Callable[..., Bars]) -> None:
    bars = [walk(seed, 120, f"S{seed}") for seed in range(3)]
    runner = Runner(BacktestSpec(strategy="momentum_rotation", direction="long"), bars)
    params = (10.0, 1.0, 1.0, 5.0)
    in_time = runner.run(params)
    trades = in_time.curve[driver.CURVE_DECISION].copy()
    symbols = in_time.fills[:, driver.FILL_SYMBOL].copy()
    when = in_time.fills[:, driver.FILL_BAR].copy()
    late = delayed(runner, params)
    assert np.array_equal(late.curve[driver.CURVE_DECISION][1:], trades[:-1])
    before_end = when < 118
    count = int(before_end.sum())
    assert np.array_equal(late.fills[:count, driver.FILL_SYMBOL], symbols[before_end])
    assert np.array_equal(late.fills[:count, driver.FILL_BAR], when[before_end] + 1)


def test_figures_are_those_of_the_runs_they_name(goog: Bars) -> None:
    found = sensitivity(SPEC, [goog])
    assert found.sharpe == pytest.approx(run_backtest(SPEC, [goog]).document["sharpe"])
    dearer = msgspec.structs.replace(SPEC, fee_bps=10.0)
    assert found.sharpe_double_costs == pytest.approx(run_backtest(dearer, [goog]).document["sharpe"])
    assert found.costs_bps == (10.0, 0.0)
    assert found.sharpe_double_costs < found.sharpe
    assert len(found.neighbours) == 4
    for one in found.neighbours:
        moved = msgspec.structs.replace(SPEC, params=one.params)
        assert one.sharpe == pytest.approx(run_backtest(moved, [goog]).document["sharpe"])
    assert found.sharpe_worst_neighbour <= found.sharpe_neighbours


def test_costs_of_nothing_are_doubled_into_something() -> None:
    free = doubled_costs(BacktestSpec(strategy="sma_cross"))
    assert (free.fee_bps, free.slippage_bps) == (5.0, 5.0)
    dear = doubled_costs(BacktestSpec(strategy="sma_cross", fee_bps=4000.0, slippage_bps=1.0)).checked()
    assert dear.fee_bps < 5000.0
    assert dear.slippage_bps == 2.0


def test_neighbours_are_a_step_off_and_all_allowed() -> None:
    cross = strategies.find("sma_cross")
    assert neighbours(cross, {"fast": 29.0, "slow": 30.0}, {"fast": 4, "slow": 4}) == [
        {"fast": 25.0, "slow": 30.0},
        {"fast": 29.0, "slow": 34.0},
    ]
    assert {one["slow"] for one in neighbours(cross, {"fast": 2.0, "slow": 200.0}, {})} == {180.0, 200.0, 220.0}
    rsi = strategies.find("rsi_mean_reversion")
    found = neighbours(rsi, {"period": 2.0, "low": 10.0, "exit": 65.0, "trend": 200.0}, {})
    assert {one["low"] for one in found} == {9.0, 10.0, 11.0}
    assert {one["period"] for one in found} == {2.0, 3.0}


def test_a_strategy_without_parameters_has_no_neighbours(goog: Bars) -> None:
    found = sensitivity(BacktestSpec(strategy="buy_and_hold"), [goog])
    assert found.neighbours == ()
    assert np.isnan(found.sharpe_neighbours)
    assert np.isnan(found.sharpe_worst_neighbour)


def test_orders_one_bar_late_are_orders_that_travel_a_bar_longer(goog: Bars) -> None:
    spec = BacktestSpec(strategy="atr_breakout", fee_bps=5.0)
    found = sensitivity(spec, [goog])
    assert found.sharpe == pytest.approx(run_backtest(spec, [goog]).document["sharpe"])
    assert found.sharpe_double_costs < found.sharpe
    late = msgspec.structs.replace(spec, frictions=FrictionSpec(latency="1bar"))
    assert found.sharpe_delayed == pytest.approx(run_backtest(late, [goog]).document["sharpe"])
    assert len(found.neighbours) >= 2
    assert np.isnan(sensitivity(msgspec.structs.replace(spec, fill="close"), [goog]).sharpe_delayed)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["atr_breakout", "donchian_breakout"])
@pytest.mark.parametrize(
    ("once", "twice"),
    [
        ({"fees": "per-share:0.01:min=1", "spread": "4bps"}, {"fees": "per-share:0.02:min=2", "spread": "8bps"}),
        ({"fees": "tiered:2/5:1e4=1/4"}, {"fees": "tiered:4/10:1e4=2/8"}),
        ({"spread": "0.02", "impact": "sqrt:1"}, {"spread": "0.04", "impact": "sqrt:2"}),
        (
            {"slippage": "volume-share:limit=0.025:impact=0.1"},
            {"slippage": "volume-share:limit=0.025:impact=0.2"},
        ),
    ],
)
def test_costs_of_every_kind_are_doubled(
    goog: Bars, strategy: str, once: dict[str, str], twice: dict[str, str]
) -> None:
    spec = BacktestSpec(strategy=strategy, frictions=msgspec.convert(once, FrictionSpec))
    dearer = msgspec.structs.replace(spec, frictions=msgspec.convert(twice, FrictionSpec))
    found = sensitivity(spec, [goog])
    assert found.sharpe_double_costs == pytest.approx(run_backtest(dearer, [goog]).document["sharpe"], rel=1e-9)
    assert found.sharpe_double_costs != found.sharpe


def test_frictions_are_part_of_every_run(goog: Bars) -> None:
    spec = msgspec.structs.replace(SPEC, frictions=FrictionSpec(borrow_pct=20.0))
    found = sensitivity(spec, [goog])
    assert found.sharpe == pytest.approx(run_backtest(spec, [goog]).document["sharpe"])
    assert found.sharpe < sensitivity(SPEC, [goog]).sharpe
