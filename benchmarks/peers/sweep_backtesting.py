"""Moving averages crossing, a grid of windows, with backtesting.py's own optimiser on all cores.

In: {file, fast, slow, rounds} as JSON on stdin; out: seconds of every round and the return of every pair.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from importlib.metadata import version
from typing import Any

import pandas as pd
from backtesting import Backtest
from run_backtesting import SmaCross


def main() -> None:
    """Answer one request."""
    warnings.simplefilter("ignore")
    request: dict[str, Any] = json.load(sys.stdin)
    bars = pd.read_csv(request["file"], index_col=0, parse_dates=True)
    test = Backtest(bars, SmaCross, cash=10_000.0, exclusive_orders=True, finalize_trades=True)
    seconds = []
    for _ in range(request["rounds"]):
        started = time.perf_counter()
        _, returns = test.optimize(
            fast=request["fast"],
            slow=request["slow"],
            last=len(bars) - 1,
            long_only=True,
            maximize="Return [%]",
            return_heatmap=True,
        )
        seconds.append(time.perf_counter() - started)
    names = returns.index.names
    figures = {}
    for key, value in returns.items():
        pair = dict(zip(names, key, strict=True))
        figures[f"{pair['fast']},{pair['slow']}"] = [value / 100.0]
    json.dump({"version": version("backtesting"), "seconds": seconds, "figures": figures}, sys.stdout)


if __name__ == "__main__":
    main()
