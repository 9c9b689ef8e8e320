"""Walk-forward through orders, frictions and limits: the same accounts as single runs, handed over flat."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest

from pi5_pipelines.backtest import driver, loop_orders
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.folds import folds_of
from pi5_pipelines.honesty.switching import Turn, plan_of, switching_loop, switching_trade
from pi5_pipelines.honesty.walkforward import stitched, walk_forward

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]

COSTS = FrictionSpec(fees="per-share:0.005:min=1", spread="2bps", borrow_pct=3.0, interest_pct=1.0)
RUNS = {
    "orders": (BacktestSpec(strategy="atr_breakout", frictions=COSTS), (20.0, 14.0, 2.0, 3.0, 6.0)),
    "limit orders": (BacktestSpec(strategy="bollinger_reversion", fill="close"), (10.0, 1.5, 2.0)),
    "targets": (BacktestSpec(strategy="sma_cross", frictions=COSTS), (5.0, 20.0)),
}
BREAKOUTS = np.array([(channel, 14, stop, 3, 6) for channel in (10, 20) for stop in (1, 2, 3)], dtype=np.float64)


@pytest.mark.parametrize("kind", sorted(RUNS))
def test_a_run_and_a_turn_from_the_first_bar_are_the_backtest(goog: Bars, kind: str) -> None:
    spec, params = RUNS[kind]
    runner = Runner(spec, [goog])
    names = [one.name for one in runner.strategy.parameters]
    result = run_backtest(msgspec.structs.replace(spec, params=dict(zip(names, params, strict=True))), [goog])
    account = runner.run(params)
    assert account.equity.tobytes() == result.equity.tobytes()
    assert account.fills[:, driver.FILL_PRICE].tolist() == result.fills["price"].to_list()
    plan, memory = plan_of(runner.strategy, [Turn(params, 0, 2**60)], 1)
    turned = runner.run_loop(switching_loop(spec.strategy, runner.loop), plan, memory)
    assert turned.equity.tobytes() == result.equity.tobytes()


def test_a_portfolio_with_limits_and_a_calendar_is_its_backtest_and_walks_forward(walk: Callable[..., Bars]) -> None:
    bars = [walk(seed, 700, f"S{seed}", drift=seed * 1e-4) for seed in range(4)]
    limited = FrictionSpec(limits="weight=30%", rebalance="month-end")
    spec = BacktestSpec(strategy="momentum_rotation", direction="long", frictions=limited)
    params = {"lookback": 10.0, "skip": 1.0, "top": 2.0, "hold": 5.0}
    result = run_backtest(msgspec.structs.replace(spec, params=params), bars)
    assert Runner(spec, bars).run(tuple(params.values())).equity.tobytes() == result.equity.tobytes()
    grid = np.array([(look, 1, top, 5) for look in (10, 40) for top in (1, 2)], dtype=np.float64)
    found = walk_forward(spec, bars, grid, folds_of(700, 200, 100))
    assert len(found.outcomes) == 5
    assert found.equity[-1] != found.equity[0]


@pytest.mark.parametrize("name", ["atr_breakout", "bollinger_reversion"])
def test_turns_compiled_and_in_plain_python_trade_alike(goog: Bars, name: str) -> None:
    bars = replace(goog, **{one: getattr(goog, one)[:500] for one in ("ts_us", *driver.Columns._fields[1:])})
    runner = Runner(BacktestSpec(strategy=name), [bars])
    params = tuple(one.default for one in runner.strategy.parameters)
    times = [int(one) for one in bars.ts_us[[60, 210, 400]]]
    turns = [Turn((7.0, *params[1:]), times[0], times[1]), Turn(params, times[1], times[2])]
    plan, memory = plan_of(runner.strategy, turns, 1)
    compiled = runner.run_loop(switching_loop(name, "orders"), plan, memory)
    curve, fills = compiled.curve.copy(), compiled.fills.copy()
    trade = runner.strategy.trade
    assert trade is not None
    plain = runner.run_loop(loop_orders.placing_orders(switching_trade(trade)), plan, memory)
    assert np.array_equal(curve, plain.curve, equal_nan=True)
    assert np.array_equal(fills, plain.fills)
    assert len(fills) > 4


def test_another_future_leaves_earlier_folds_alone(goog: Bars) -> None:
    spec = BacktestSpec(strategy="atr_breakout", frictions=COSTS)
    folds = folds_of(len(goog), 400, 200)
    whole = walk_forward(spec, [goog], BREAKOUTS, folds)
    stop = folds[4].test_stop
    factor = np.exp(np.cumsum(np.random.default_rng(1).normal(0.0, 0.05, len(goog) - stop)))
    columns = {name: getattr(goog, name).copy() for name in ("open", "high", "low", "close")}
    for one in columns.values():
        one[stop:] *= factor
    other = walk_forward(spec, [replace(goog, **columns)], BREAKOUTS, folds)
    assert other.outcomes[:5] == whole.outcomes[:5]
    until = stop - folds[0].test_start + 1
    assert other.equity[:until].tobytes() == whole.equity[:until].tobytes()
    assert other.equity[-1] != whole.equity[-1]


@pytest.mark.parametrize("fill", ["next-open", "close"])
def test_a_fold_begins_flat_and_without_the_orders_of_the_one_before(goog: Bars, fill: str) -> None:
    spec = msgspec.structs.replace(RUNS["orders"][0], fill=fill)
    folds = folds_of(len(goog), 300, 150)
    account = stitched(Runner(spec, [goog]), [RUNS["orders"][1]] * len(folds), folds)
    position = account.curve[driver.CURVE_POSITION]
    early = 1 if fill == "next-open" else 0
    assert (position[: folds[0].test_start] == 0.0).all()
    held = [one for one in folds if position[one.test_start - 1] != 0.0]
    assert held
    for one in folds[1:]:
        handed_over = one.test_start - early
        assert position[handed_over] == 0.0 or position[handed_over + 1] == 0.0


def test_a_walk_forward_of_one_fold_trades_what_the_strategy_trades_once_it_is_flat(goog: Bars) -> None:
    spec, params = RUNS["limit orders"]
    folds = folds_of(len(goog), 300, 2_000)[:1]
    equity = stitched(Runner(spec, [goog]), [params], folds).equity
    start = folds[0].test_start
    assert (equity[:start] == spec.cash).all()
    assert np.unique(equity[start:]).size > 500
