"""Figures of trades against plain loops, one trade at a time."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.analysis import trades

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import polars as pl

    from pi5_pipelines.backtest.bars import Bars

NOTHING = math.nan


def average(values: Sequence[float]) -> float:
    return fmean(values) if values else NOTHING


def streak(hits: Sequence[bool]) -> int:
    longest = now = 0
    for hit in hits:
        now = now + 1 if hit else 0
        longest = max(longest, now)
    return longest


def plain(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The same figures as a reader of their definitions would write them."""
    won = [row for row in rows if row["pnl"] > 0.0]
    lost = [row for row in rows if row["pnl"] < 0.0]
    pnl = [row["pnl"] for row in rows]
    open_now = [row for row in rows if not row["closed"]]
    held = {id(row): (row["exit_ts"] - row["entry_ts"]).total_seconds() / 86_400.0 for row in rows}
    found = {
        "trades": len(rows),
        "closed_trades": len(rows) - len(open_now),
        "open_trades": len(open_now),
        "open_trade_pnl": sum(row["pnl"] for row in open_now),
        "longest_winning_streak": streak([one > 0.0 for one in pnl]),
        "longest_losing_streak": streak([one < 0.0 for one in pnl]),
        "win_rate_pct": 100.0 * len(won) / len(rows) if rows else NOTHING,
        "best_trade_pct": max((row["return_pct"] for row in rows), default=NOTHING),
        "worst_trade_pct": min((row["return_pct"] for row in rows), default=NOTHING),
        "avg_trade_pct": average([row["return_pct"] for row in rows]),
        "avg_winning_trade_pct": average([row["return_pct"] for row in won]),
        "avg_losing_trade_pct": average([row["return_pct"] for row in lost]),
        "expectancy": average(pnl),
        "avg_trade_bars": average([row["bars_held"] for row in rows]),
        "max_trade_bars": max((row["bars_held"] for row in rows), default=NOTHING),
        "avg_trade_days": average(list(held.values())),
        "max_trade_days": max(held.values(), default=NOTHING),
        "avg_winning_trade_days": average([held[id(row)] for row in won]),
        "avg_losing_trade_days": average([held[id(row)] for row in lost]),
    }
    growth = math.prod(1.0 + row["return_pct"] / 100.0 for row in rows)
    found["geometric_avg_trade_pct"] = 100.0 * (growth ** (1.0 / len(rows)) - 1.0) if rows else NOTHING
    gains, losses = sum(row["return_pct"] for row in won), -sum(row["return_pct"] for row in lost)
    found["profit_factor"] = gains / losses if losses else NOTHING
    found["payoff_ratio"] = found["avg_winning_trade_pct"] / -found["avg_losing_trade_pct"]
    spread = stdev(pnl) if len(pnl) > 1 else 0.0
    found["sqn"] = math.sqrt(len(pnl)) * fmean(pnl) / spread if spread else NOTHING
    found["kelly_criterion"] = NOTHING
    if won and lost:
        rate = len(won) / len(rows)
        ratio = fmean(row["pnl"] for row in won) / -fmean(row["pnl"] for row in lost)
        found["kelly_criterion"] = rate - (1.0 - rate) / ratio
    return found


def every_figure(frame: pl.DataFrame) -> dict[str, float]:
    done = trades.trips(frame)
    return {
        **trades.trade_metrics(done.returns, done.pnl),
        **trades.count_metrics(done),
        **trades.holding_metrics(done),
    }


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000), count=st.integers(0, 40))
def test_figures_of_trades_are_those_of_a_plain_loop(
    random_bars: Callable[..., Bars], random_trades: Callable[..., pl.DataFrame], seed: int, count: int
) -> None:
    frame = random_trades(seed, random_bars(seed, 300), count)
    found, expected = every_figure(frame), plain(list(frame.iter_rows(named=True)))
    assert found.keys() == expected.keys()
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_without_trades_nothing_is_said_of_them() -> None:
    found = trades.trade_metrics(np.zeros(0), np.zeros(0))
    assert set(found) == set(trades.RETURN_NAMES)
    assert all(map(math.isnan, found.values()))


def test_a_trade_that_lost_everything_has_no_geometric_mean() -> None:
    assert math.isnan(trades.trade_metrics(np.array([0.5, -1.0]), np.array([5.0, -10.0]))["geometric_avg_trade_pct"])


@pytest.mark.parametrize(("hits", "expected"), [("", 0), ("0", 0), ("1", 1), ("0110111", 3), ("1110", 3), ("0001", 1)])
def test_a_streak_is_the_most_in_a_row(hits: str, expected: int) -> None:
    assert trades.longest_streak(np.array([one == "1" for one in hits], dtype=np.bool_)) == expected
