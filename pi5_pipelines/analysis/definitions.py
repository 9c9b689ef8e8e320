"""Every figure of a result: its name, unit, meaning, source, and which way is better.

The document of a result carries the meanings (`metric_definitions`), docs/metrics.md is written from here, and the
report takes its tooltips from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Direction = Literal["higher", "lower", "neither"]

EMPYRICAL: Final = "as in empyrical (Quantopian)"
BACKTESTING: Final = "as in backtesting.py"
VECTORBT: Final = "as in vectorbt"


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure: `unit` is "" for a plain ratio, `better` says which way is better, if any way is."""

    name: str
    unit: str
    better: Direction
    meaning: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Figures that are told together."""

    title: str
    metrics: tuple[Metric, ...]


GROUPS: Final = (
    Group(
        "Span and account",
        (
            Metric("start", "date", "neither", "open of the first bar"),
            Metric("end", "date", "neither", "open of the last bar"),
            Metric("bars", "bars", "neither", "bars of the run"),
            Metric("duration_days", "days", "neither", "days from the open of the first bar to that of the last"),
            Metric("periods_per_year", "bars", "neither", "bars in a year of this timeframe and calendar"),
            Metric("equity_final", "money", "higher", "equity at the last close"),
            Metric("equity_peak", "money", "higher", "highest equity at a close"),
            Metric("exposure_pct", "%", "neither", "share of bars that close with a position"),
            Metric(
                "max_gross_exposure_pct",
                "%",
                "neither",
                "largest sum of all positions' absolute values / equity at a close",
                "vectorbt divides by positions plus cash, which differs where something is short",
            ),
        ),
    ),
    Group(
        "Return",
        (
            Metric("return_pct", "%", "higher", "last equity / starting cash - 1"),
            Metric(
                "buy_and_hold_pct",
                "%",
                "neither",
                "last close / first close - 1, costs left out; the mean over symbols when there are several",
            ),
            Metric(
                "annual_return_pct",
                "%",
                "higher",
                "compound growth of the equity curve per year of periods_per_year bars",
                EMPYRICAL,
            ),
            Metric(
                "cagr_pct",
                "%",
                "higher",
                "compound growth per calendar year of 365.25 days",
                f"{BACKTESTING}, unrounded",
            ),
        ),
    ),
    Group(
        "Risk",
        (
            Metric(
                "volatility_pct",
                "%",
                "lower",
                "standard deviation (ddof 1) of returns x sqrt(periods_per_year)",
                EMPYRICAL,
            ),
            Metric(
                "downside_risk_pct",
                "%",
                "lower",
                "root mean square of returns with gains set to zero x sqrt(periods_per_year)",
                f"F. Sortino, R. van der Meer, 1991; {EMPYRICAL}",
            ),
            Metric(
                "value_at_risk_pct",
                "%",
                "higher",
                "5th percentile of the returns of one bar",
                f"J.P. Morgan, RiskMetrics, 1996; {EMPYRICAL}",
            ),
            Metric(
                "conditional_value_at_risk_pct",
                "%",
                "higher",
                "mean of the worst returns of one bar, up to the 5th percentile",
                f"R. Rockafellar, S. Uryasev, 2000; {EMPYRICAL}",
            ),
            Metric(
                "skew",
                "",
                "higher",
                "third standardised moment of returns: below zero, losses have the longer tail",
                "scipy.stats.skew",
            ),
            Metric(
                "kurtosis",
                "",
                "lower",
                "fourth standardised moment of returns - 3: above zero, tails are fatter than the normal ones",
                "scipy.stats.kurtosis",
            ),
            Metric("tail_ratio", "", "higher", "size of the 95th percentile of returns / that of the 5th", EMPYRICAL),
        ),
    ),
    Group(
        "Return for risk",
        (
            Metric(
                "sharpe",
                "",
                "higher",
                "mean return / standard deviation (ddof 1) x sqrt(periods_per_year); no risk-free rate",
                f"W. F. Sharpe, 1994; {EMPYRICAL}",
            ),
            Metric(
                "sortino",
                "",
                "higher",
                "mean return x periods_per_year / (root mean square of negative returns x sqrt(periods_per_year))",
                f"F. Sortino, 1994; {EMPYRICAL}",
            ),
            Metric("calmar", "", "higher", "annual return / largest drawdown", f"T. Young, 1991; {EMPYRICAL}"),
            Metric(
                "omega",
                "",
                "higher",
                "sum of positive returns / sum of negative returns, as a size",
                f"C. Keating, W. Shadwick, 2002, threshold 0; {EMPYRICAL}",
            ),
            Metric(
                "stability",
                "",
                "higher",
                "R squared of a straight line through the cumulative logarithmic returns, from 0 to 1",
                EMPYRICAL,
            ),
        ),
    ),
    Group(
        "Drawdowns",
        (
            Metric(
                "max_drawdown_pct", "%", "higher", "largest fall of equity below its highest value so far", EMPYRICAL
            ),
            Metric(
                "avg_drawdown_pct",
                "%",
                "higher",
                "mean depth of the drawdowns, each from a high to the return to it or to the end",
                f"{BACKTESTING}, which leaves out one that began at the last bar",
            ),
            Metric(
                "max_drawdown_days",
                "days",
                "lower",
                "longest time from a high to the return to it or to the end",
                BACKTESTING,
            ),
            Metric("avg_drawdown_days", "days", "lower", "mean time of a drawdown", BACKTESTING),
            Metric("drawdowns", "", "neither", "number of drawdowns"),
            Metric(
                "ulcer_index_pct",
                "%",
                "lower",
                "root mean square of the drawdown at every bar",
                "P. Martin, B. McCann, 1989",
            ),
            Metric("recovery_factor", "", "higher", "profit / largest fall of equity, both in money"),
        ),
    ),
    Group(
        "Against the benchmark (buying and holding)",
        (
            Metric(
                "beta",
                "",
                "neither",
                "covariance of returns with the benchmark's / the benchmark's variance",
                f"W. F. Sharpe, 1964; {EMPYRICAL}",
            ),
            Metric(
                "alpha_pct",
                "%",
                "higher",
                "mean return beyond beta x the benchmark's, compounded to a year; no risk-free rate",
                f"M. Jensen, 1968; {EMPYRICAL}",
            ),
            Metric("correlation", "", "neither", "Pearson's correlation of returns with the benchmark's"),
            Metric(
                "tracking_error_pct",
                "%",
                "lower",
                "standard deviation (ddof 1) of return - benchmark's return x sqrt(periods_per_year)",
                "R. Grinold, R. Kahn, 1999",
            ),
            Metric(
                "information_ratio",
                "",
                "higher",
                "mean of return - benchmark's return / its standard deviation (ddof 1) x sqrt(periods_per_year)",
                "R. Grinold, R. Kahn, 1999; empyrical's excess_sharpe, annualised",
            ),
            Metric(
                "up_capture_pct",
                "%",
                "higher",
                "annual return over the bars on which the benchmark rose / the benchmark's own over them",
                EMPYRICAL,
            ),
            Metric(
                "down_capture_pct",
                "%",
                "lower",
                "annual return over the bars on which the benchmark fell / the benchmark's own over them",
                EMPYRICAL,
            ),
            Metric(
                "batting_average_pct", "%", "higher", "share of bars with a return above the benchmark's", EMPYRICAL
            ),
        ),
    ),
)
