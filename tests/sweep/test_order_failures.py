"""Strategies in a sweep whose orders or whose code are absurd, and symbols with next to no bars: the others go on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.spec import BacktestSpec

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]

# `how` says what this strategy orders; 0 is a sensible order.
WRONG = '''
"""Goes wrong in the way that its parameter says."""

from __future__ import annotations

import math

from trading.placing import place_market
from trading.strategy import Parameter, Strategy


def memory(params, symbols):
    return 4


def trade(state, params, bar, account, orders):
    how = int(params[0])
    state[0] += 1.0
    quantity = 1.0
    if how == 1:
        quantity = 0.0
    if how == 2:
        quantity = -5.0
    if how == 3:
        quantity = 1e300
    if how == 4:
        quantity = math.nan
    if how == 5 and state[0] == 50.0:
        raise ValueError("fifty")
    if how == 6:
        quantity = 1.0 / (state[0] - 60.0)
    if how == 7:
        while state[1] < 1.0:
            state[2] += 1.0
    if how == 8:
        quantity = math.inf
    if state[0] % 100.0 == 1.0:
        place_market(orders, 1.0, quantity)


STRATEGY = Strategy(
    name="wrong",
    source="none",
    parameters=(Parameter("how", 0, 0, 9, "what goes wrong"),),
    memory=memory,
    trade=trade,
)
'''
ABSURD = [1, 2, 3, 4, 8]


@pytest.fixture
def with_wrong(tmp_path: Path) -> str:
    """A PYTHONPATH on which every process finds the strategy `wrong` besides those of this project."""
    hook, more = tmp_path / "hook", tmp_path / "more"
    hook.mkdir()
    more.mkdir()
    (more / "wrong.py").write_text(WRONG)
    lines = ("import pi5_pipelines.backtest.compiled", "import trading.strategies as known")
    (hook / "sitecustomize.py").write_text("\n".join((*lines, f"known.__path__.append({str(more)!r})", "")))
    return f"{hook}:{ROOT}"


@pytest.mark.proof
def test_absurd_orders_are_rejected_and_counted_and_code_that_fails_spoils_its_own_row(
    tmp_path: Path, goog_file: Path, with_wrong: str, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    options = ("--param", "how=0:9:1", "--cash", "1e6", "--timeout", "2", "--out", "t.parquet")
    process = start("wrong", "--bars", str(goog_file), *options, PYTHONPATH=with_wrong)
    stdout, stderr = (text.decode() for text in process.communicate(timeout=600))
    assert process.returncode == 1, stderr
    table = pl.read_parquet(tmp_path / "t.parquet")
    rows = {row["how"]: row for row in table.iter_rows(named=True)}
    assert sorted(rows) == list(range(10))
    for how in ABSURD:
        assert rows[how]["error"] is None
        assert (rows[how]["trades"], rows[how]["return_pct"]) == (0, 0.0)
        assert rows[how]["orders_rejected"] == 22
    assert rows[5]["error"] == "ValueError: fifty"
    assert rows[6]["error"].startswith("ZeroDivisionError")
    assert rows[7]["error"] == "it did not end within 2 s"
    for how in (0, 9):
        assert (rows[how]["error"], rows[how]["orders_rejected"]) == (None, 0)
        assert rows[how]["trades"] > 0
    assert "error: 3 of 10 combinations failed" in stderr
    assert "110 orders were rejected, by 5 combinations" in " ".join(stdout.split())
    assert "Traceback" not in stderr


def test_a_symbol_with_one_bar_is_told_and_the_others_go_on(
    tmp_path: Path, goog_file: Path, sweep: Callable[..., dict[str, Any]]
) -> None:
    lines = goog_file.read_text().splitlines(keepends=True)
    (tmp_path / "ONE.csv").write_text("".join(lines[:2]))
    command = ["sma_cross", "--param", "fast=5,10", "--spread", "2bps", "--out", "t.parquet"]
    found = sweep(*command, "--bars", "ONE.csv", "--bars", str(goog_file))
    assert found["exit_code"] == 1
    assert found["stderr"].count("\n") == 1
    assert found["stderr"].startswith("error: ONE: no combination has a sharpe to be ranked by: over 1 bar none")
    assert found["best"]["symbol"] == "GOOG"
    table = pl.read_parquet(tmp_path / "t.parquet")
    assert table["error"].null_count() == 4
    assert table.filter(symbol="ONE")["trades"].to_list() == [0, 0]


def test_a_gap_in_one_of_many_symbols_changes_no_row(
    random_bars: Callable[..., Bars], assert_rows_are_backtests: Callable[..., None]
) -> None:
    def holed(bars: Bars, first: int, last: int) -> Bars:
        names = ("ts_us", "open", "high", "low", "close", "volume")
        left: dict[str, Any] = {name: np.delete(getattr(bars, name), np.s_[first:last]) for name in names}
        return replace(bars, **left)

    bars = [random_bars(1, 300, "A"), holed(random_bars(2, 300, "B"), 40, 110), holed(random_bars(3, 300, "C"), 1, 300)]
    spec = BacktestSpec(strategy="momentum_rotation", frictions=FrictionSpec(limits="weight=40%", rebalance="every:5"))
    assert_rows_are_backtests(spec, bars, [{"lookback": 6, "skip": 0, "top": top, "hold": 3} for top in (1, 2)])
