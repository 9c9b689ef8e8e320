"""What every peer's script does alike: cells come in as JSON on stdin, figures go out as JSON on stdout.

A cell is one backtest: {id, file, strategy, params, long_only, fill, fee, slippage, whole_shares, units, cash}: fee and
slippage as fractions of the price, units 0 for all the cash. A benchmark asks for several `rounds` of a cell. The
scripts run in an environment of their own and import nothing of this project, so that nothing of its rules can leak
into an answer.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable


class Channels(NamedTuple):
    """Extremes of the bars before the present one: highest high and lowest low to enter by, and to leave by."""

    entry_high: float
    entry_low: float
    exit_high: float
    exit_low: float


@cache
def prices(file: str) -> pd.DataFrame:
    """The bars of a CSV whose first column is the time: Open, High, Low, Close, Volume."""
    return pd.read_csv(file, index_col=0, parse_dates=True)


def with_closing_bar(bars: pd.DataFrame) -> pd.DataFrame:
    """The bars and one more that stands still at the last close: room for an order decided at the last close."""
    last = bars.iloc[-1]
    step = bars.index[-1] - bars.index[-2]
    close = last["Close"]
    still = {"Open": close, "High": close, "Low": close, "Close": close, "Volume": 0.0}
    return pd.concat([bars, pd.DataFrame(still, index=[bars.index[-1] + step])])


def breakout(before: float, close: float, channels: Channels) -> float:
    """The Turtles' side after a close: 1 or -1 beyond the entry channel, 0 beyond the exit channel, else as before."""
    if close > channels.entry_high:
        return 1.0
    if close < channels.entry_low:
        return -1.0
    left = (before > 0.0 and close < channels.exit_low) or (before < 0.0 and close > channels.exit_high)
    return 0.0 if left else before


def answer(distribution: str, run: Callable[[dict[str, Any]], tuple[float, int]]) -> None:
    """Run every cell of the request; print final equity, number of trades, seconds of each, and the peer's version."""
    warnings.simplefilter("ignore")
    figures = {}
    for cell in json.load(sys.stdin):
        prices(cell["file"])
        seconds = []
        for _ in range(cell.get("rounds", 1)):
            started = time.perf_counter()
            equity, trades = run(cell)
            seconds.append(time.perf_counter() - started)
        figures[cell["id"]] = {"equity_final": float(equity), "trades": int(trades), "seconds": seconds}
    json.dump({"version": version(distribution), "cells": figures}, sys.stdout)
