"""The figures that backtesting.py computes, against it: the same account on GOOG, figure by figure.

Where the definitions differ, the test goes from one to the other and so shows the whole difference.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pi5_pipelines.analysis import metrics
from pi5_pipelines.analysis.document import Course, figures
from pi5_pipelines.backtest.result import buy_and_hold

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from pi5_pipelines.backtest.bars import Bars

CASH, COMMISSION = 10_000.0, 0.001
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def theirs() -> pd.Series:
    from backtesting import Backtest, Strategy
    from backtesting.lib import crossover
    from backtesting.test import GOOG, SMA

    class SmaCross(Strategy):  # type: ignore[misc]  # the package is untyped
        """Always long or short, as the fast average lies above or below the slow one."""

        def init(self) -> None:
            """Both averages."""
            self.fast = self.I(SMA, self.data.Close, 10)
            self.slow = self.I(SMA, self.data.Close, 30)

        def next(self) -> None:
            """Turn at each crossing."""
            if crossover(self.fast, self.slow):
                self.position.close()
                self.buy()
            elif crossover(self.slow, self.fast):
                self.position.close()
                self.sell()

    return Backtest(GOOG, SmaCross, cash=CASH, commission=COMMISSION, finalize_trades=True).run()


@pytest.fixture(scope="module")
def equity(theirs: pd.Series) -> NDArray[np.float64]:
    return np.asarray(theirs["_equity_curve"]["Equity"], dtype=np.float64)


@pytest.fixture(scope="module")
def ours(theirs: pd.Series, equity: NDArray[np.float64], goog: Bars) -> dict[str, Any]:
    """Our figures of their account and their trades."""
    import polars as pl

    done = theirs["_trades"]
    entry, out = done["EntryBar"].to_numpy(), done["ExitBar"].to_numpy()
    moment = pl.Datetime("us", "UTC")
    trades = pl.DataFrame(
        {
            "symbol": ["GOOG"] * len(done),
            "side": ["long" if size > 0 else "short" for size in done["Size"]],
            "entry_ts": pl.Series(goog.ts_us[entry], dtype=pl.Int64).cast(moment),
            "exit_ts": pl.Series(goog.ts_us[out], dtype=pl.Int64).cast(moment),
            "entry_price": done["EntryPrice"].to_numpy(),
            "exit_price": done["ExitPrice"].to_numpy(),
            "pnl": done["PnL"].to_numpy(),
            "return_pct": done["ReturnPct"].to_numpy() * 100.0,
            "bars_held": pl.Series(out - entry, dtype=pl.Int64),
            "closed": [True] * len(done),
        }
    )
    size, fees = done["Size"].to_numpy().astype(np.float64), done["Commission"].to_numpy() / 2.0
    fills = np.zeros((2 * len(done), 6))
    fills[:, 0] = np.concatenate([entry, out])
    fills[:, 2] = np.concatenate([size, -size])
    fills[:, 3] = np.concatenate([done["EntryPrice"], done["ExitPrice"]])
    fills[:, 4] = np.concatenate([fees, fees])
    held = np.zeros(equity.size)
    for first, past in zip(entry, out, strict=True):
        held[first:past] = 1.0
    course = Course(
        ts_us=goog.ts_us,
        equity=equity,
        exposure=held,
        benchmark=buy_and_hold([goog], goog.ts_us, CASH),
        fills=fills,
        trades=trades,
        cash=CASH,
        periods=252.0,
        timing="open",
    )
    return figures(course, [goog])


def days(value: Any) -> float:  # noqa: ANN401 - a pandas Timedelta
    return float(value.total_seconds()) / 86_400.0


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("equity_final", "Equity Final [$]"),
        ("equity_peak", "Equity Peak [$]"),
        ("fees_paid", "Commissions [$]"),
        ("return_pct", "Return [%]"),
        ("cagr_pct", "CAGR [%]"),
        ("max_drawdown_pct", "Max. Drawdown [%]"),
        ("avg_drawdown_pct", "Avg. Drawdown [%]"),
        ("trades", "# Trades"),
        ("win_rate_pct", "Win Rate [%]"),
        ("best_trade_pct", "Best Trade [%]"),
        ("worst_trade_pct", "Worst Trade [%]"),
        ("geometric_avg_trade_pct", "Avg. Trade [%]"),
        ("avg_trade_pct", "Expectancy [%]"),
        ("profit_factor", "Profit Factor"),
        ("sqn", "SQN"),
        ("kelly_criterion", "Kelly Criterion"),
    ],
)
def test_a_figure_is_theirs(theirs: pd.Series, ours: dict[str, Any], name: str, key: str) -> None:
    assert ours[name] == pytest.approx(theirs[key], rel=1e-9)


def test_the_span_is_theirs(theirs: pd.Series, ours: dict[str, Any], goog: Bars) -> None:
    assert ours["duration_days"] == days(theirs["Duration"])
    assert goog.ts_us[0] == theirs["Start"].value // 1_000
    assert goog.ts_us[-1] == theirs["End"].value // 1_000


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("max_drawdown_days", "Max. Drawdown Duration"),
        ("avg_drawdown_days", "Avg. Drawdown Duration"),
        ("max_trade_days", "Max. Trade Duration"),
        ("avg_trade_days", "Avg. Trade Duration"),
    ],
)
def test_a_time_is_theirs_once_it_is_rounded_up_to_days(
    theirs: pd.Series, ours: dict[str, Any], name: str, key: str
) -> None:
    assert math.ceil(ours[name] - 1e-9) == days(theirs[key])


def test_they_count_the_bar_at_whose_open_a_position_ends_as_exposed(
    theirs: pd.Series, ours: dict[str, Any], goog: Bars
) -> None:
    done = theirs["_trades"]
    held = {bar for _, one in done.iterrows() for bar in range(one["EntryBar"], one["ExitBar"])}
    through = held | set(done["ExitBar"])
    assert ours["exposure_pct"] == pytest.approx(100.0 * len(held) / len(goog))
    assert theirs["Exposure Time [%]"] == pytest.approx(100.0 * len(through) / len(goog))


def test_they_hold_the_benchmark_from_the_first_bar_with_indicators(
    theirs: pd.Series, ours: dict[str, Any], goog: Bars
) -> None:
    assert ours["buy_and_hold_pct"] == pytest.approx(100.0 * (goog.close[-1] / goog.close[0] - 1.0), rel=1e-12)
    assert theirs["Buy & Hold Return [%]"] == pytest.approx(100.0 * (goog.close[-1] / goog.close[29] - 1.0), rel=1e-12)


def test_their_year_leaves_out_the_first_bar_and_their_risk_compounds(
    theirs: pd.Series, ours: dict[str, Any], equity: NDArray[np.float64]
) -> None:
    growth, steps = equity[-1] / CASH, equity.size - 1
    assert ours["annual_return_pct"] == pytest.approx(100.0 * (growth ** (252 / equity.size) - 1.0), rel=1e-9)
    annual = growth ** (252 / steps) - 1.0
    assert theirs["Return (Ann.) [%]"] == pytest.approx(100.0 * annual, rel=1e-9)
    variance = (ours["volatility_pct"] / 100.0) ** 2 / 252
    mean = growth ** (1.0 / steps)
    risk = math.sqrt((variance + mean**2) ** 252 - mean ** (2 * 252))
    assert theirs["Volatility (Ann.) [%]"] == pytest.approx(100.0 * risk, rel=1e-9)
    assert theirs["Sharpe Ratio"] == pytest.approx(annual / risk, rel=1e-9)
    assert theirs["Sortino Ratio"] == pytest.approx(100.0 * annual / ours["downside_risk_pct"], rel=1e-9)
    assert theirs["Calmar Ratio"] == pytest.approx(-100.0 * annual / ours["max_drawdown_pct"], rel=1e-9)


def test_their_beta_is_one_of_logarithmic_returns_and_their_alpha_is_not_by_the_year(
    theirs: pd.Series, ours: dict[str, Any], equity: NDArray[np.float64], goog: Bars
) -> None:
    own, market = np.diff(np.log(equity)), np.diff(np.log(goog.close))
    beta = np.cov(own, market)[0, 1] / np.var(market, ddof=1)
    assert theirs["Beta"] == pytest.approx(beta, rel=1e-9)
    assert theirs["Alpha [%]"] == pytest.approx(theirs["Return [%]"] - beta * theirs["Buy & Hold Return [%]"], rel=1e-9)
    series, held = metrics.returns(equity)[1:], metrics.returns(goog.close)[1:]
    plain = np.cov(series, held)[0, 1] / np.var(held, ddof=1)
    assert ours["beta"] == pytest.approx(plain, rel=1e-9)
    assert ours["alpha_pct"] == pytest.approx(100.0 * ((1.0 + np.mean(series - plain * held)) ** 252 - 1.0), rel=1e-9)
