"""Every row of a sweep is the backtest of that combination, figure by figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.backtest.bars import Bars
from pi5_pipelines.backtest.spec import BacktestSpec
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lanes")]

TOLERANCE = 1e-12
ROOT = Path(__file__).resolve().parents[2]
# Short windows, so that a few hundred bars hold many decisions.
COMBINATIONS: dict[str, list[dict[str, float]]] = {
    "buy_and_hold": [{}],
    "sma_cross": [{"fast": fast, "slow": slow} for fast in (2, 3, 5) for slow in (6, 9, 40)],
    "donchian_breakout": [{"entry": entry, "exit": leave} for entry in (5, 9) for leave in (2, 4)],
    "rsi_mean_reversion": [{"period": 2, "low": low, "exit": 60, "trend": 15} for low in (10, 25, 40)],
    "momentum_vol_target": [
        {"lookback": 12, "vol_bars": 6, "target_vol": goal, "hold": hold} for goal in (0.1, 0.4) for hold in (1, 4)
    ],
    "triple_screen": [
        {"hours": hours, "tide": tide, "period": 3, "low": 45, "exit": 60} for hours in (72, 168) for tide in (2, 4)
    ],
    "momentum_rotation": [{"lookback": 6, "skip": skip, "top": top, "hold": 3} for skip in (0, 2) for top in (1, 2)],
}
ONE_SYMBOL = [name for name in COMBINATIONS if not strategies.find(name).many_symbols]

specs = st.builds(
    BacktestSpec,
    strategy=st.just("buy_and_hold"),
    cash=st.sampled_from([50.0, 1_000.0, 10_000.0, 1e7]),
    fee_bps=st.sampled_from([0.0, 1.0, 25.0]),
    slippage_bps=st.sampled_from([0.0, 2.0, 50.0]),
    fill=st.sampled_from(["next-open", "close"]),
    sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
    direction=st.sampled_from(["both", "long"]),
    close_at_end=st.booleans(),
)


def test_every_strategy_has_combinations_here() -> None:
    left_out = {name for name in strategies.names() if strategies.find(name).names_quantities}
    assert sorted(COMBINATIONS) == sorted(set(strategies.names()) - left_out)


@pytest.mark.parametrize("name", ONE_SYMBOL)
@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(2, 300))
@settings(max_examples=8)
def test_a_row_is_the_backtest_of_its_combination(
    name: str,
    base: BacktestSpec,
    seed: int,
    length: int,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
) -> None:
    spec = msgspec.structs.replace(base, strategy=name)
    assert_rows_are_backtests(spec, [random_bars(seed, length)], COMBINATIONS[name])


@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(2, 200))
@settings(max_examples=8)
def test_a_row_over_many_symbols_is_the_backtest_of_its_combination(
    base: BacktestSpec,
    seed: int,
    length: int,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
) -> None:
    spec = msgspec.structs.replace(base, strategy="momentum_rotation")
    bars = [random_bars(seed, length, "A"), random_bars(seed + 1, length, "B"), random_bars(seed + 2, length, "C")]
    assert_rows_are_backtests(spec, bars, COMBINATIONS["momentum_rotation"])


def test_real_prices_with_costs(goog: Bars, assert_rows_are_backtests: Callable[..., None]) -> None:
    spec = BacktestSpec(strategy="sma_cross", fee_bps=5.0, slippage_bps=2.0)
    combinations: list[dict[str, float]] = [{"fast": f, "slow": s} for f in range(2, 50, 9) for s in range(50, 200, 30)]
    assert_rows_are_backtests(spec, [goog], combinations)


def test_the_order_of_combinations_changes_nothing(goog: Bars, swept: Callable[..., Any]) -> None:
    spec = BacktestSpec(strategy="sma_cross")
    combinations: list[dict[str, float]] = [{"fast": f, "slow": s} for f in (3, 20) for s in (30, 150)]
    forward, _ = swept(spec, [goog], combinations)
    backward, _ = swept(spec, [goog], combinations[::-1])
    assert forward.values.tobytes() == backward.values[::-1].tobytes()


def test_a_ruined_account_is_told(swept: Callable[..., Any], assert_rows_are_backtests: Callable[..., None]) -> None:
    close = np.array([100.0, 101.0, 99.0, 90.0, 80.0, 350.0, 360.0, 350.0])
    ts_us = np.arange(close.size, dtype=np.int64) * 86_400_000_000
    origin = {"symbol": "UP", "adjust": "none", "sha256": "x"}
    bars = Bars("UP", "1d", ts_us, close, close, close, close, close, origin)
    spec = BacktestSpec(strategy="donchian_breakout", fill="close", close_at_end=False)
    combinations: list[dict[str, float]] = [{"entry": 3, "exit": 2}, {"entry": 2, "exit": 1}]
    assert_rows_are_backtests(spec, [bars], combinations)
    assert swept(spec, [bars], combinations)[0].ruined.any()


@pytest.mark.proof
def test_strategies_whose_machine_code_was_kept_by_other_processes_do_not_mix(goog_file: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; import numpy as np\n"
        "from pi5_pipelines.backtest.bars import bars_from_file\n"
        "from pi5_pipelines.backtest.spec import BacktestSpec\n"
        "from pi5_pipelines.sweep.lane import Figures, Lane, Market\n"
        "bars = bars_from_file(Path(sys.argv[1]))\n"
        "for name in sys.argv[2:]:\n"
        "    spec, into = BacktestSpec(strategy=name).checked(), Figures.empty(1)\n"
        "    Lane(Market.of(spec, [bars]), 1 << 30).run(np.array([list(spec.params.values())]), into, {})\n"
        "    print(name, into.values[0].tobytes().hex())\n"
    )

    def lines(*names: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", program, str(goog_file), *names],
            env={**os.environ, "PI5_NUMBA_CACHE": str(tmp_path), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.split("\n")[:-1]

    alone = [*lines("sma_cross"), *lines("buy_and_hold")]
    assert lines("sma_cross", "buy_and_hold") == alone
