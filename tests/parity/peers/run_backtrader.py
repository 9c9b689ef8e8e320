"""Cells on backtrader: its broker keeps cash, fees and positions; the size is asked for at the price of the fill."""

from __future__ import annotations

import math
from typing import Any

import backtrader as bt
from protocol import Channels, answer, breakout, prices, with_closing_bar

# The broker refuses an order that costs a rounding error more than there is; what is kept back stays in cash.
KEPT = 1.0 - 1e-13


class Targets(bt.Strategy):  # type: ignore[misc]  # the peer has no types
    """Turns a wanted side into the peer's orders; the side itself comes from a subclass.

    Fills at the next open use cheat-on-open: `next_open` knows the open that its orders fill at. Fills at the close
    use cheat-on-close, which settles an order one bar later at the price of the bar that it was made in.
    """

    params: tuple[tuple[str, Any], ...] = (("cell", None), ("last", 0))

    def __init__(self) -> None:
        self.side = 0.0
        self.ordered = False
        self.trades = 0

    def wanted(self) -> float:
        """The side after the present bar: flat, where no subclass knows better."""
        return 0.0

    def next(self) -> None:
        """Note a changed side; with fills at the close, order at once."""
        side = self.wanted()
        if self.p.cell["long_only"]:
            side = max(side, 0.0)
        at_close = self.p.cell["fill"] == "close"
        if at_close and len(self.data) >= self.p.last:
            side = 0.0
        self.ordered, self.side = self.ordered or side != self.side, side
        if at_close and self.ordered:
            self.order_at(self.data.close[0])

    def next_open(self) -> None:
        """Order what was noted, at the open that is known now; leave at the last one."""
        if self.p.cell["fill"] == "close":
            return
        if len(self.data) >= self.p.last:
            self.side, self.ordered = 0.0, True
        if self.ordered:
            self.order_at(self.data.open[0])

    def order_at(self, price: float) -> None:
        """Leave the position, then put the units, or all the cash that is left with its fee, into the new side."""
        self.ordered = False
        held, fee, slippage = self.position.size, self.p.cell["fee"], self.p.cell["slippage"]
        money = self.broker.get_cash()
        if held:
            self.close()
            leaving = price * (1.0 - math.copysign(slippage, held))
            money += held * leaving - abs(held) * leaving * fee
        if self.side == 0.0:
            return
        size = money * KEPT / (price * (1.0 + self.side * slippage) * (1.0 + fee))
        if self.p.cell["whole_shares"]:
            size = math.floor(size)
        size = self.p.cell["units"] or size
        (self.buy if self.side > 0.0 else self.sell)(size=size)

    def notify_trade(self, trade: Any) -> None:  # noqa: ANN401 - the peer's class
        """Count trades as they are closed."""
        self.trades += trade.isclosed


class SmaCross(Targets):
    """Long after a crossing upwards, short after one downwards."""

    params = (("fast", 10), ("slow", 30))

    def __init__(self) -> None:
        super().__init__()
        average = bt.indicators.SimpleMovingAverage
        self.crossing = bt.indicators.CrossOver(
            average(self.data.close, period=self.p.fast), average(self.data.close, period=self.p.slow)
        )

    def wanted(self) -> float:
        """The side of the latest crossing."""
        return float(self.crossing[0]) or self.side


class Donchian(Targets):
    """The Turtles' breakout."""

    params = (("entry", 20), ("exit", 10))

    def __init__(self) -> None:
        super().__init__()
        self.broken = 0.0
        self.channels = [
            figure(line(-1), period=n)
            for n in (self.p.entry, self.p.exit)
            for figure, line in ((bt.indicators.Highest, self.data.high), (bt.indicators.Lowest, self.data.low))
        ]

    def wanted(self) -> float:
        """The side of the latest breakout."""
        self.broken = breakout(self.broken, self.data.close[0], Channels(*(one[0] for one in self.channels)))
        return self.broken


STRATEGIES = {"sma_cross": SmaCross, "donchian_breakout": Donchian}


def run(cell: dict[str, Any]) -> tuple[float, int]:
    """Final equity and trades of one cell."""
    bars, at_close = prices(cell["file"]), cell["fill"] == "close"
    cerebro = bt.Cerebro(stdstats=False, cheat_on_open=not at_close)
    cerebro.adddata(bt.feeds.PandasDirectData(dataname=with_closing_bar(bars) if at_close else bars, openinterest=-1))
    cerebro.addstrategy(STRATEGIES[cell["strategy"]], cell=cell, last=len(bars), **cell["params"])
    cerebro.broker.set_cash(cell["cash"])
    cerebro.broker.setcommission(commission=cell["fee"])
    cerebro.broker.set_coc(at_close)
    if cell["slippage"]:
        cerebro.broker.set_slippage_perc(cell["slippage"], slip_open=True, slip_out=True)  # even beyond the bar's range
    cerebro.broker.set_checksubmit(False)  # the purchase of a reversal is paid for by the sale before it
    (done,) = cerebro.run()
    return cerebro.broker.getvalue(), done.trades


if __name__ == "__main__":
    answer("backtrader", run)
