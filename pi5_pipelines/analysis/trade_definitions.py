"""The figures that are made of trades and of what they cost: the second half of the definitions."""

from __future__ import annotations

from typing import Final

from pi5_pipelines.analysis.definitions import BACKTESTING, GROUPS, VECTORBT, Group, Metric

TRADES: Final = Group(
    "Trades",
    (
        Metric("trades", "", "neither", "round trips from flat to flat, or to the other side; an open one counts"),
        Metric("closed_trades", "", "neither", "trades that came to their end", VECTORBT),
        Metric("open_trades", "", "neither", "trades that were open after the last bar", VECTORBT),
        Metric("open_trade_pnl", "money", "higher", "profit of the open trades at the last close", VECTORBT),
        Metric("win_rate_pct", "%", "higher", "share of trades with a profit after fees", BACKTESTING),
        Metric("best_trade_pct", "%", "higher", "largest return of a trade", BACKTESTING),
        Metric("worst_trade_pct", "%", "higher", "smallest return of a trade", BACKTESTING),
        Metric("avg_trade_pct", "%", "higher", "mean return of a trade", "backtesting.py calls it expectancy"),
        Metric(
            "geometric_avg_trade_pct",
            "%",
            "higher",
            "return that compounds to the same result when every trade has it",
            "backtesting.py calls it average trade",
        ),
        Metric("avg_winning_trade_pct", "%", "higher", "mean return of the trades with a profit", VECTORBT),
        Metric("avg_losing_trade_pct", "%", "higher", "mean return of the trades with a loss", VECTORBT),
        Metric(
            "profit_factor",
            "",
            "higher",
            "sum of the winning trades' returns / sum of the losing trades' returns",
            f"{BACKTESTING}; vectorbt takes profits in money",
        ),
        Metric("payoff_ratio", "", "higher", "mean return of a winning trade / mean loss of a losing one, as a size"),
        Metric("expectancy", "money", "higher", "mean profit of a trade", VECTORBT),
        Metric(
            "sqn",
            "",
            "higher",
            "System Quality Number: sqrt(trades) x mean profit / standard deviation (ddof 1) of profits",
            f"V. Tharp, 2008; {BACKTESTING}",
        ),
        Metric(
            "kelly_criterion",
            "",
            "higher",
            "share to risk for the fastest growth: win rate - (1 - win rate) / (mean profit / mean loss)",
            f"J. Kelly, 1956; {BACKTESTING}",
        ),
        Metric("longest_winning_streak", "trades", "neither", "most trades with a profit in a row, in order of entry"),
        Metric("longest_losing_streak", "trades", "lower", "most trades with a loss in a row, in order of entry"),
    ),
)
HOLDING: Final = Group(
    "Holding times and excursions",
    (
        Metric("avg_trade_bars", "bars", "neither", "mean bars from entry to exit"),
        Metric("max_trade_bars", "bars", "neither", "most bars from entry to exit"),
        Metric("avg_trade_days", "days", "neither", "mean time from entry to exit", f"{BACKTESTING}, unrounded"),
        Metric("max_trade_days", "days", "neither", "longest time from entry to exit", BACKTESTING),
        Metric("avg_winning_trade_days", "days", "neither", "mean time of the trades with a profit", VECTORBT),
        Metric("avg_losing_trade_days", "days", "neither", "mean time of the trades with a loss", VECTORBT),
        Metric(
            "avg_mae_pct",
            "%",
            "higher",
            "mean over trades of the maximum adverse excursion: the worst price while held, against the entry price",
            "J. Sweeney, 1996",
        ),
        Metric(
            "avg_mfe_pct",
            "%",
            "higher",
            "mean over trades of the maximum favourable excursion: the best price while held, against the entry price",
            "J. Sweeney, 1996",
        ),
        Metric(
            "edge_ratio",
            "",
            "higher",
            "mean favourable excursion / mean adverse one, each in average true ranges (20 bars) known at the entry",
            "C. Faith, 2007",
        ),
    ),
)
ORDERS: Final = Group(
    "Orders",
    (
        Metric("orders_rejected", "", "lower", "orders that were refused: too large, too late, or not allowed"),
        Metric("margin_calls", "", "lower", "times that positions were closed because the margin ran out"),
        Metric(
            "ambiguous_bars",
            "bars",
            "lower",
            "bars that do not tell which of two prices came first, where it matters; the worse is taken",
        ),
    ),
)
COSTS: Final = Group(
    "Costs",
    (
        Metric("turnover", "", "lower", "value traded / mean equity"),
        Metric("fees_paid", "money", "lower", "fees in money"),
        Metric("slippage_paid", "money", "lower", "money lost between each bar's price and the fill"),
    ),
)

ALL_GROUPS: Final = (*GROUPS, TRADES, HOLDING, ORDERS, COSTS)
METRICS: Final[dict[str, Metric]] = {metric.name: metric for group in ALL_GROUPS for metric in group.metrics}
DEFINITIONS: Final[dict[str, str]] = {name: metric.meaning for name, metric in METRICS.items()}
