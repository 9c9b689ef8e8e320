"""Cells on backtesting.py: its own sizing, fees, reversals and closing of the last trade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import FractionalBacktest, crossover
from protocol import Channels, answer, breakout, prices, with_closing_bar

# Shares are whole multiples of it; what is left over stays in cash.
FRACTION = 1e-11


def average(values: Any, n: int) -> Any:  # noqa: ANN401 - the peer's arrays
    """Simple moving average."""
    return pd.Series(np.asarray(values)).rolling(n).mean()


def channel(values: Any, n: int, figure: str) -> Any:  # noqa: ANN401 - the peer's arrays
    """The highest ("max") or lowest ("min") of the n values before this one.

    The peer first asks a strategy one bar after all its indicators have values, so the bar before the first complete
    channel gets one that nothing can break.
    """
    extremes = getattr(pd.Series(np.asarray(values)).rolling(n), figure)().shift(1)
    extremes.iloc[n - 1] = np.inf if figure == "max" else -np.inf
    return extremes


class Targets(Strategy):  # type: ignore[misc]  # the peer has no types
    """Turns a wanted side into the peer's orders; the side itself comes from a subclass."""

    long_only = False
    last = 0
    units = 0
    side = 0.0

    def wanted(self) -> float:
        """The side after the present bar: flat, where no subclass knows better."""
        return 0.0

    def next(self) -> None:
        """Order a changed side, unless what is decided now would fill where the last position is closed."""
        side = self.wanted()
        if self.long_only:
            side = max(side, 0.0)
        if len(self.data) >= self.last or side == self.side:
            return
        self.side = side
        if side == 0.0:
            self.position.close()
        else:
            (self.buy if side > 0.0 else self.sell)(**({"size": self.units} if self.units else {}))


class SmaCross(Targets):
    """Long after a crossing upwards, short after one downwards."""

    fast = 10
    slow = 30

    def init(self) -> None:
        """Both averages."""
        self.quick = self.I(average, self.data.Close, self.fast)
        self.lazy = self.I(average, self.data.Close, self.slow)
        self.crossed = 0.0

    def wanted(self) -> float:
        """The side of the latest crossing."""
        if crossover(self.quick, self.lazy):
            self.crossed = 1.0
        elif crossover(self.lazy, self.quick):
            self.crossed = -1.0
        return self.crossed


class Donchian(Targets):
    """The Turtles' breakout."""

    entry = 20
    exit = 10

    def init(self) -> None:
        """The four channels."""
        self.entry_high = self.I(channel, self.data.High, self.entry, "max")
        self.entry_low = self.I(channel, self.data.Low, self.entry, "min")
        self.exit_high = self.I(channel, self.data.High, self.exit, "max")
        self.exit_low = self.I(channel, self.data.Low, self.exit, "min")
        self.broken = 0.0

    def wanted(self) -> float:
        """The side of the latest breakout."""
        channels = Channels(self.entry_high[-1], self.entry_low[-1], self.exit_high[-1], self.exit_low[-1])
        self.broken = breakout(self.broken, self.data.Close[-1], channels)
        return self.broken


STRATEGIES = {"sma_cross": SmaCross, "donchian_breakout": Donchian}


def run(cell: dict[str, Any]) -> tuple[float, int]:
    """Final equity and trades of one cell."""
    if cell["slippage"]:
        raise ValueError("the peer's spread moves entries only")
    bars, at_close = prices(cell["file"]), cell["fill"] == "close"
    options = {
        "cash": cell["cash"],
        "commission": cell["fee"],
        "trade_on_close": at_close,
        "exclusive_orders": True,
        "finalize_trades": True,
    }
    if at_close and cell.get("closing_bar", True):
        bars = with_closing_bar(bars)
    if cell["whole_shares"]:
        test = Backtest(bars, STRATEGIES[cell["strategy"]], **options)
    else:
        test = FractionalBacktest(bars, STRATEGIES[cell["strategy"]], fractional_unit=FRACTION, **options)
    stats = test.run(last=len(bars) - 1, long_only=cell["long_only"], units=cell["units"], **cell["params"])
    return stats["Equity Final [$]"], stats["# Trades"]


if __name__ == "__main__":
    answer("backtesting", run)
