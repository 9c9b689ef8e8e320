"""Walk-forward and worse conditions for accounts on many symbols: the accounts of single runs, handed over."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from click.testing import CliRunner

from pi5_pipelines.backtest import driver, loop_pool
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.cli.main import pi5
from pi5_pipelines.honesty.accounts import Runner
from pi5_pipelines.honesty.folds import folds_of
from pi5_pipelines.honesty.sensitivity import delayed, sensitivity
from pi5_pipelines.honesty.switching import Turn, plan_of, switching_hold, switching_loop, switching_trade_all
from pi5_pipelines.honesty.walkforward import stitched, walk_forward

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.honesty.accounts import Account

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]

COSTS = FrictionSpec(
    fees="per-share:0.005:min=1",
    spread="2bps",
    slippage="volume-share:limit=0.2:impact=0.1",
    borrow_pct=3.0,
    interest_pct=1.0,
    limits="weight=60%",
)
# A strategy, its parameters, and a grid.
RUNS: dict[str, tuple[tuple[float, ...], list[tuple[float, ...]]]] = {
    "pairs_trading": ((20.0, 1.0, 15.0), [(look, wide, 15) for look in (10, 30) for wide in (1, 1.5)]),
    "high_breakout": ((20.0, 10.0, 2.0, 1.0, 3.0), [(highs, 10, 2, 1, goal) for highs in (10, 30) for goal in (2, 4)]),
    "momentum_rotation": ((10.0, 1.0, 2.0, 5.0), [(look, 1, top, 5) for look in (10, 40) for top in (1, 2)]),
}
BARS = 600


@pytest.fixture(scope="module")
def four(walk: Callable[..., Bars]) -> list[Bars]:
    return [walk(seed, BARS, f"S{seed}", memory=-0.2) for seed in range(4)]


def spec_of(name: str) -> BacktestSpec:
    params = dict(
        zip((one.name for one in BacktestSpec(strategy=name).definition().parameters), RUNS[name][0], strict=True)
    )
    return BacktestSpec(strategy=name, params=params, frictions=COSTS)


def held(account: Account, bars: int, symbols: int) -> NDArray[np.float64]:
    """The position in each symbol after each bar, shape (bars, symbols)."""
    changes = np.zeros((bars, symbols))
    for fill in account.fills:
        changes[int(fill[driver.FILL_BAR]), int(fill[driver.FILL_SYMBOL])] += fill[driver.FILL_QUANTITY]
    return np.round(changes.cumsum(axis=0), 6)


@pytest.mark.parametrize("name", sorted(RUNS))
def test_a_run_and_a_turn_from_the_first_bar_are_the_backtest(name: str, four: list[Bars]) -> None:
    spec = spec_of(name)
    assert spec.loop() == "pool"
    runner, result = Runner(spec, four), run_backtest(spec, four)
    account = runner.run(RUNS[name][0])
    assert account.equity.tobytes() == result.equity.tobytes()
    assert account.fills[:, driver.FILL_PRICE].tolist() == result.fills["price"].to_list()
    assert len(account.fills) > 20
    plan, memory = plan_of(runner.strategy, [Turn(RUNS[name][0], 0, 2**60)], 4)
    turned = runner.run_loop(switching_loop(name, "pool"), plan, memory)
    assert turned.equity.tobytes() == result.equity.tobytes()


def test_more_fills_than_there_was_room_for_at_first(four: list[Bars]) -> None:
    spec = spec_of("high_breakout")
    runner, expected = Runner(spec, four), run_backtest(spec, four).equity.tobytes()
    runner._fills = runner._fills[:3]  # noqa: SLF001 - a run that outgrows the real room would take minutes
    account = runner.run(RUNS["high_breakout"][0])
    assert account.equity.tobytes() == expected
    assert len(account.fills) > 3


@pytest.mark.parametrize("name", ["pairs_trading", "high_breakout"])
def test_turns_compiled_and_in_plain_python_trade_alike(name: str, four: list[Bars]) -> None:
    names = ("ts_us", *driver.Columns._fields[1:])
    bars = [replace(one, **{column: getattr(one, column)[:260] for column in names}) for one in four]
    runner = Runner(spec_of(name), bars)
    params, others = RUNS[name][0], tuple(map(float, RUNS[name][1][0]))
    times = [int(one) for one in bars[0].ts_us[[40, 110, 190, 250]]]
    turns = [Turn(params, times[0], times[1]), Turn(others, times[1], times[2]), Turn(params, times[2], times[3])]
    plan, memory = plan_of(runner.strategy, turns, 4)
    compiled = runner.run_loop(switching_loop(name, "pool"), plan, memory)
    curve, fills = compiled.curve.copy(), compiled.fills.copy()
    if runner.strategy.hold is not None:
        loop = loop_pool.naming_quantities(switching_hold(runner.strategy.hold))
    else:
        assert runner.strategy.trade_all is not None
        loop = loop_pool.placing_everywhere(switching_trade_all(runner.strategy.trade_all))
    plain = runner.run_loop(loop, plan, memory)
    assert np.array_equal(curve, plain.curve, equal_nan=True)
    assert np.array_equal(fills, plain.fills)
    assert len(fills) > 4


@pytest.mark.parametrize("name", sorted(RUNS))
def test_another_future_leaves_earlier_folds_alone(name: str, four: list[Bars]) -> None:
    folds, grid = folds_of(BARS, 200, 100), np.array(RUNS[name][1], dtype=np.float64)
    whole = walk_forward(spec_of(name), four, grid, folds)
    assert len(whole.outcomes) == 4
    assert whole.equity[-1] != whole.equity[0]
    stop = folds[1].test_stop
    changed = []
    for seed, one in enumerate(four):
        factor = np.ones(BARS)
        factor[stop:] = np.exp(np.cumsum(np.random.default_rng(seed).normal(0.0, 0.05, BARS - stop)))
        changed.append(
            replace(one, **{column: getattr(one, column) * factor for column in driver.Columns._fields[1:5]})
        )
    other = walk_forward(spec_of(name), changed, grid, folds)
    assert other.outcomes[:2] == whole.outcomes[:2]
    until = stop - folds[0].test_start + 1
    assert other.equity[:until].tobytes() == whole.equity[:until].tobytes()
    assert other.equity[-1] != whole.equity[-1]


def test_a_fold_of_orders_begins_flat_in_every_symbol(four: list[Bars]) -> None:
    spec, folds = spec_of("high_breakout"), folds_of(BARS, 200, 40)
    account = stitched(Runner(spec, four), [RUNS["high_breakout"][0]] * len(folds), folds)
    positions = held(account, BARS, 4)
    assert (positions[: folds[0].test_start] == 0.0).all()
    handed_over = [one.test_start - 1 for one in folds[1:]]
    busy = [at for at in handed_over if (positions[at] != 0.0).any()]
    assert busy
    for at in busy:
        # What the fold before held may take some bars to sell (volume); nothing is bought until all of it is gone.
        flat = at + int(np.argmax((positions[at:] == 0.0).all(axis=1)))
        assert (np.diff(np.abs(positions[at : flat + 1]), axis=0) <= 0.0).all()


def test_quantities_that_two_folds_want_are_kept_to_the_share(four: list[Bars]) -> None:
    folds, params = folds_of(BARS, 200, 40), RUNS["pairs_trading"][0]
    spec = msgspec.structs.replace(spec_of("pairs_trading"), frictions=FrictionSpec(spread="2bps", borrow_pct=3.0))
    runner = Runner(spec, four)
    whole = stitched(runner, [params], [replace(folds[0], test_stop=BARS)])
    equity, fills = whole.equity.copy(), whole.fills.copy()
    positions = held(whole, BARS, 4)
    assert any((positions[one.test_start - 1] != 0.0).any() for one in folds[1:])
    turned = stitched(runner, [params] * len(folds), folds)
    assert np.array_equal(turned.fills[:, : driver.FILL_SLIPPAGE], fills[:, : driver.FILL_SLIPPAGE])
    assert turned.equity.tobytes() == equity.tobytes()


def test_weights_without_costs_are_late_and_walked_forward_as_in_the_plain_loop(four: list[Bars]) -> None:
    params, folds = RUNS["momentum_rotation"][0], folds_of(BARS, 200, 100)
    plain = msgspec.structs.replace(spec_of("momentum_rotation"), frictions=FrictionSpec())
    pooled = msgspec.structs.replace(plain, frictions=FrictionSpec(tick=0.01))
    assert (plain.loop(), pooled.loop()) == ("plain", "pool")
    chosen = [tuple(map(float, one)) for one in RUNS["momentum_rotation"][1]]
    curves = []
    for spec in (plain, pooled):
        runner = Runner(spec, four)
        late = delayed(runner, params).equity.tobytes()
        curves.append((late, stitched(runner, chosen[: len(folds)], folds).equity.tobytes()))
    assert curves[0] == curves[1]


@pytest.mark.parametrize("name", sorted(RUNS))
def test_worse_conditions_are_the_runs_they_name(name: str, four: list[Bars]) -> None:
    spec = spec_of(name)
    found = sensitivity(spec, four)
    assert found.sharpe == pytest.approx(run_backtest(spec, four).document["sharpe"])
    twice = msgspec.structs.replace(
        COSTS, fees="per-share:0.01:min=2", spread="4bps", slippage="volume-share:limit=0.2:impact=0.2"
    )
    dearer = msgspec.structs.replace(spec, frictions=twice)
    assert found.sharpe_double_costs == pytest.approx(run_backtest(dearer, four).document["sharpe"], rel=1e-9)
    assert found.sharpe_double_costs < found.sharpe
    assert len(found.neighbours) >= 6
    if name == "high_breakout":
        late = msgspec.structs.replace(spec, frictions=msgspec.structs.replace(COSTS, latency="1bar"))
        assert found.sharpe_delayed == pytest.approx(run_backtest(late, four).document["sharpe"])
        assert np.isnan(sensitivity(msgspec.structs.replace(spec, fill="close"), four).sharpe_delayed)


def test_late_quantities_are_traded_a_bar_later(four: list[Bars]) -> None:
    # More margin than the two sides need, so that no gap cuts an order in one run and not in the other.
    roomy = FrictionSpec(margin="initial=10%:maintenance=5%")
    runner = Runner(msgspec.structs.replace(spec_of("pairs_trading"), frictions=roomy), four)
    in_time = runner.run(RUNS["pairs_trading"][0]).fills.copy()
    late = delayed(runner, RUNS["pairs_trading"][0]).fills
    early = in_time[in_time[:, driver.FILL_BAR] < BARS - 2]
    assert len(early) > 20
    assert np.array_equal(late[: len(early), driver.FILL_SYMBOL], early[:, driver.FILL_SYMBOL])
    assert np.array_equal(late[: len(early), driver.FILL_BAR], early[:, driver.FILL_BAR] + 1)


def test_commands_walk_forward_and_judge_an_account_on_many_symbols(
    four: list[Bars], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith(("PI5_", "DAGSTER_")) and name != "PI5_NUMBA_CACHE":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "home"))
    files: list[str] = []
    for one in four[:2]:
        days = one.ts_us.astype("datetime64[us]").astype("datetime64[D]")
        columns = (days, one.open, one.high, one.low, one.close, one.volume)
        lines = [",".join(map(str, row)) for row in zip(*columns, strict=True)]
        (tmp_path / f"{one.symbol}.csv").write_text("\n".join(["Date,Open,High,Low,Close,Volume", *lines]))
        files += ["--bars", f"{one.symbol}.csv"]
    costs = ("--spread", "2bps", "--borrow-pct", "3", "--json", "-")
    grid = ("--param", "lookback=10,30", "--param", "open=1:2:0.5", "--train", "200", "--test", "100")
    walked = CliRunner().invoke(pi5, ["walkforward", "pairs_trading", *files, *grid, *costs, "--report", "page.html"])
    assert walked.exit_code == 0, walked.stderr
    found = json.loads(walked.stdout)
    assert (found["symbols"], found["figures"]["combinations"], len(found["folds"])) == (["S0", "S1"], 6, 4)
    assert found["options"]["frictions"]["spread"] == "2bps"
    assert "pairs_trading, walked forward" in (tmp_path / "page.html").read_text(encoding="utf-8")
    default = ("--param", "lookback=20", "--param", "open=1")
    judged = CliRunner().invoke(pi5, ["backtest", "pairs_trading", *files, *default, *costs, "--honesty"])
    assert judged.exit_code == 0, judged.stderr
    figures = json.loads(judged.stdout)["honesty"]["figures"]
    assert 0.0 < figures["p_value"] <= 1.0
    assert figures["sharpe_double_costs"] < figures["sharpe"]
    assert figures["sharpe_delayed"] != figures["sharpe"]
