"""The ledger: what counts as a trial, and what a kill, a second process or a broken file do to it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from pi5_pipelines.honesty.trials import Ledger, SharpeMoments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pi5_pipelines.backtest.bars import Bars

RECORDER = """
import sys, numpy as np
from pathlib import Path
from pi5_pipelines.backtest.bars import Bars
from pi5_pipelines.honesty.trials import Ledger, SharpeMoments
empty = np.zeros(1)
bars = Bars("GOOG", "1d", np.zeros(1, dtype=np.int64), empty, empty, empty, empty, empty, {"sha256": ""})
ledger = Ledger(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    name = f"{sys.argv[2]}-{number}"
    ledger.record_sweep(name, "sma_cross", [bars], name, 3, SharpeMoments(3, 0.3, 0.05))
    print(number, flush=True)
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "reports" / "trials.sqlite")


def until(bars: Bars, length: int) -> Bars:
    columns = {name: getattr(bars, name)[:length] for name in ("ts_us", "open", "high", "low", "close", "volume")}
    return replace(bars, **columns, input={**bars.input, "sha256": f"first {length}"})


def test_a_combination_counts_once_and_another_counts_too(ledger: Ledger, goog: Bars) -> None:
    spec = BacktestSpec(strategy="sma_cross", params={"fast": 5, "slow": 20})
    first = run_backtest(spec, [goog])
    assert ledger.record_result(first.document, [goog])
    assert not ledger.record_result(first.document, [goog])
    assert not ledger.record_result(first.document, [goog], "nightly")
    assert ledger.count("sma_cross", "GOOG") == 1
    other = run_backtest(BacktestSpec(strategy="sma_cross", params={"fast": 6, "slow": 20}), [goog])
    assert ledger.record_result(other.document, [goog], "nightly")
    assert ledger.count("sma_cross", "GOOG") == 2
    assert ledger.count("sma_cross", "MSFT") == 0
    assert ledger.count("donchian_breakout") == 0
    assert ledger.count() == 2
    known = [one.document["sharpe"] / one.document["periods_per_year"] ** 0.5 for one in (first, other)]
    assert ledger.tally("sma_cross", "GOOG", "1d").sharpe.variance == pytest.approx((known[0] - known[1]) ** 2 / 2)


def test_a_night_with_more_bars_is_the_same_trial_with_a_newer_sharpe_ratio(ledger: Ledger, goog: Bars) -> None:
    spec = BacktestSpec(strategy="sma_cross")
    for length in (2000, 2001, 2002):
        bars = until(goog, length)
        result = run_backtest(spec, [bars])
        assert ledger.record_result(result.document, [bars], "nightly")
    tally = ledger.tally("sma_cross", "GOOG")
    assert tally.trials == tally.sharpe.count == 1
    newest = result.document["sharpe"] / result.document["periods_per_year"] ** 0.5
    assert tally.sharpe.total == pytest.approx(newest)


def test_another_beginning_is_another_trial(ledger: Ledger, goog: Bars) -> None:
    late = replace(goog, ts_us=goog.ts_us + 1, input={**goog.input, "sha256": "later"})
    for bars in (goog, late):
        ledger.record_result(run_backtest(BacktestSpec(strategy="buy_and_hold"), [bars]).document, [bars])
    assert ledger.count() == 2


def test_a_sweep_counts_its_combinations_once_a_space(ledger: Ledger, goog: Bars) -> None:
    space = {"fast": [2, 4, 6], "slow": [10, 20]}
    moments = SharpeMoments.of([0.1, 0.2, 0.3, 0.4, 0.5, float("nan")])
    assert ledger.record_sweep("one", "sma_cross", [goog], space, 6, moments)
    assert not ledger.record_sweep("one", "sma_cross", [goog], space, 6, moments)
    assert ledger.record_sweep("next night", "sma_cross", [goog], dict(reversed(space.items())), 6, moments)
    tally = ledger.tally("sma_cross", "GOOG", "1d")
    assert tally.trials == 6
    assert tally.sharpe.count == 5
    assert tally.sharpe.variance == pytest.approx(0.025)
    assert ledger.record_sweep("wider", "sma_cross", [goog], {**space, "slow": [10, 20, 30]}, 9, moments)
    assert ledger.count("sma_cross", "GOOG") == 15


def test_a_symbol_is_told_by_its_whole_name(ledger: Ledger, walk: Callable[..., Bars]) -> None:
    many = [walk(1, 40, "AB"), walk(2, 40, "B")]
    ledger.record_sweep("x", "momentum_rotation", many, "space", 4, SharpeMoments())
    assert ledger.count(symbol="AB") == ledger.count(symbol="B") == 4
    assert ledger.count(symbol="A") == 0


def test_an_empty_ledger_is_read_without_making_one(ledger: Ledger) -> None:
    assert ledger.count() == 0
    assert not ledger.path.exists()


def test_a_recorded_trial_outlives_a_kill(ledger: Ledger) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RECORDER, str(ledger.path), "a", "100000"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = 0
    for line in process.stdout:
        told = int(line) + 1
        if told == 25:
            os.kill(process.pid, signal.SIGKILL)
            break
    told += sum(1 for _ in process.stdout)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    # The one under way may have been committed before it was told of.
    assert ledger.count() in {3 * told, 3 * (told + 1)}
    with closing(sqlite3.connect(ledger.path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    subprocess.run([sys.executable, "-c", RECORDER, str(ledger.path), "a", str(told + 1)], check=True)
    assert ledger.count() == 3 * (told + 1)


def test_processes_that_start_together_lose_nothing(ledger: Ledger) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", RECORDER, str(ledger.path), name, "20"], stdout=subprocess.DEVNULL)
        for name in ("a", "b", "a", "c")
    ]
    assert [process.wait() for process in started] == [0] * 4
    assert ledger.count() == 3 * 3 * 20


def test_a_file_that_is_no_ledger_is_told_in_one_line(ledger: Ledger) -> None:
    ledger.path.parent.mkdir()
    ledger.path.write_bytes(b"no database at all" * 500)
    with pytest.raises(BacktestError, match="the ledger of trials cannot be used: file is not a database"):
        ledger.count()
