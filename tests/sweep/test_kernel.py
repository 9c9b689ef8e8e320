"""Machine code of sweeps: kept on disk for the next process, and made for strategies that numba must count for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
# What a process does: runs these strategies' defaults as a sweep and as backtests, and says whether they are equal.
PROGRAM = """
import sys
from pathlib import Path

import numpy as np

from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.sweep.lane import Figures, Lane, Market
from pi5_pipelines.sweep.tally import FIGURES
from trading import strategies

strategies.__path__.append(sys.argv[2])
bars = bars_from_file(Path(sys.argv[1]))
for name in sys.argv[3:]:
    spec, into = BacktestSpec(strategy=name).checked(), Figures.empty(1)
    Lane(Market.of(spec, [bars]), 1 << 30).run(np.array([list(spec.params.values())]), into, {})
    single = run_backtest(spec, [bars]).document["equity_final"]
    print(name, single == into.values[0, FIGURES.index("equity_final")], into.errors)
"""
# Lists are more than the rulebook promises to take; a strategy that makes some is slower, and right.
LISTS = '''
"""In when the close is in the upper half of the bar."""

from trading.strategy import Strategy


def memory(params, symbols):
    return 1


def decide(state, params, bar, position):
    prices = [bar.open, bar.high]
    prices.append(bar.low)
    return 1.0 if 2.0 * bar.close > max(prices) + min(prices) else 0.0


STRATEGY = Strategy(name="lists", source="none", memory=memory, decide=decide)
'''


@pytest.fixture
def process(tmp_path: Path, goog_file: Path) -> Callable[..., list[str]]:
    """Run the program with machine code in a folder of the test's own."""
    (tmp_path / "lists.py").write_text(LISTS)

    def run(*names: str) -> list[str]:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(goog_file), str(tmp_path), *names],
            env={**os.environ, "PI5_NUMBA_CACHE": str(tmp_path / "numba"), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("names", [("sma_cross",), pytest.param(("buy_and_hold", "lists"), marks=pytest.mark.proof)])
def test_the_next_process_compiles_nothing(
    names: tuple[str, ...], tmp_path: Path, process: Callable[..., list[str]]
) -> None:
    equal = [f"{name} True {{}}" for name in names]
    assert process(*names) == equal
    kept = sorted((tmp_path / "numba").rglob("*.nbc"))
    assert len(kept) == 2 * len(names)
    assert process(*names) == equal
    assert sorted((tmp_path / "numba").rglob("*.nbc")) == kept
