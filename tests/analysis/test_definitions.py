"""Every figure is defined, every definition has its figure, and the page of metrics is what the program says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from pi5_pipelines.analysis.excursions import excursions
from pi5_pipelines.analysis.trade_definitions import ALL_GROUPS, DEFINITIONS, METRICS
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

ROOT = Path(__file__).resolve().parents[2]
UNITS = {"", "%", "money", "days", "bars", "date", "trades"}
# Figures of the default statistics of backtesting.py and of vectorbt, by our names.
BACKTESTING_PY = """start end duration_days exposure_pct equity_final equity_peak fees_paid return_pct buy_and_hold_pct
annual_return_pct volatility_pct cagr_pct sharpe sortino calmar alpha_pct beta max_drawdown_pct avg_drawdown_pct
max_drawdown_days avg_drawdown_days trades win_rate_pct best_trade_pct worst_trade_pct geometric_avg_trade_pct
max_trade_days avg_trade_days profit_factor avg_trade_pct sqn kelly_criterion"""
VECTORBT = """start end duration_days equity_final return_pct buy_and_hold_pct max_gross_exposure_pct fees_paid
max_drawdown_pct max_drawdown_days trades closed_trades open_trades open_trade_pnl win_rate_pct best_trade_pct
worst_trade_pct avg_winning_trade_pct avg_losing_trade_pct avg_winning_trade_days avg_losing_trade_days profit_factor
expectancy sharpe calmar omega sortino"""


def test_a_figure_is_defined_once_and_whole() -> None:
    names = [one.name for group in ALL_GROUPS for one in group.metrics]
    assert len(names) == len(set(names)) == len(METRICS)
    for one in METRICS.values():
        assert one.unit in UNITS, one.name
        assert one.meaning, one.name
        assert not one.meaning.endswith("."), one.name
        assert one.name.endswith("_pct") == (one.unit == "%"), one.name


@pytest.mark.parametrize("known", [BACKTESTING_PY, VECTORBT], ids=["backtesting.py", "vectorbt"])
def test_what_other_programs_tell_by_default_is_told(known: str) -> None:
    assert set(known.split()) <= METRICS.keys()


def test_a_result_has_every_figure_that_is_defined_and_tells_what_it_means(goog: Bars) -> None:
    spec = BacktestSpec(strategy="sma_cross", fee_bps=5.0, slippage_bps=2.0)
    document = run_backtest(spec, [goog], interpreted=True).document
    assert METRICS.keys() <= document.keys()
    assert document["metric_definitions"] == DEFINITIONS
    numbers = {name: document[name] for name, one in METRICS.items() if one.unit != "date"}
    assert all(isinstance(value, (int, float)) and np.isfinite(value) for value in numbers.values()), numbers


def test_a_run_without_trades_has_every_figure_as_a_number_or_null(random_bars: Callable[..., Bars]) -> None:
    document = run_backtest(BacktestSpec(strategy="sma_cross"), [random_bars(1, 10)], interpreted=True).document
    assert METRICS.keys() <= document.keys()
    assert document["trades"] == document["open_trades"] == document["fees_paid"] == 0
    for name in ("win_rate_pct", "sqn", "avg_mae_pct", "sharpe", "beta", "avg_drawdown_pct"):
        assert document[name] is None or name == "beta", name


def test_a_run_of_one_bar_has_a_document(random_bars: Callable[..., Bars]) -> None:
    document = run_backtest(BacktestSpec(strategy="buy_and_hold"), [random_bars(1, 1)], interpreted=True).document
    assert document["duration_days"] == 0.0
    assert document["cagr_pct"] is None
    assert document["skew"] is None


def test_several_symbols_have_every_figure(random_bars: Callable[..., Bars]) -> None:
    two = [random_bars(1, 400, "A"), random_bars(2, 380, "B", offset=20)]
    document = run_backtest(BacktestSpec(strategy="momentum_rotation"), two, interpreted=True).document
    assert METRICS.keys() <= document.keys()
    assert 0.0 < document["max_gross_exposure_pct"] < 130.0


def test_a_run_by_orders_has_every_figure(goog: Bars) -> None:
    result = run_backtest(BacktestSpec(strategy="atr_breakout", fee_bps=5.0), [goog], interpreted=True)
    assert result.orders is not None
    assert METRICS.keys() <= result.document.keys()
    within = excursions(result.trades, [goog], timing="within")
    assert result.document["avg_mae_pct"] == pytest.approx(within["mae_pct"].mean())
    assert result.document["avg_mfe_pct"] == pytest.approx(within["mfe_pct"].mean())


def test_the_page_of_metrics_is_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import make_metrics; print(make_metrics.page(), end='')"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "docs")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == done.stdout
