"""The figures of which more is better, by which a sweep can be ranked."""

from __future__ import annotations

RANKS = (
    "sharpe",
    "sortino",
    "calmar",
    "return_pct",
    "annual_return_pct",
    "max_drawdown_pct",
    "profit_factor",
    "win_rate_pct",
    "avg_trade_pct",
)
