"""Cells on vectorbt: orders of 100 % of what the account can pay for, sized and reversed by its own simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import vectorbt as vbt
from protocol import Channels, answer, breakout, prices
from vectorbt.portfolio.enums import SizeType

if TYPE_CHECKING:
    from collections.abc import Callable


def sma_sides(bars: Any, fast: int, slow: int) -> Any:  # noqa: ANN401 - the peer's frames
    """1 from the averages' crossing upwards, -1 from their crossing downwards, 0 before the first."""
    quick, lazy = vbt.MA.run(bars["Close"], fast), vbt.MA.run(bars["Close"], slow)
    above, below = quick.ma_crossed_above(lazy).to_numpy(), quick.ma_crossed_below(lazy).to_numpy()
    turns = np.where(above, 1.0, np.where(below, -1.0, 0.0))
    latest = np.maximum.accumulate(np.where(turns != 0.0, np.arange(turns.size), 0))
    return turns[latest]


def donchian_sides(bars: Any, entry: int, exit: int) -> Any:  # noqa: A002, ANN401 - the parameter's name
    """The side of the breakout rule at every bar."""
    high, low = bars["High"].vbt, bars["Low"].vbt
    channels = [one.shift(1) for n in (entry, exit) for one in (high.rolling_max(n), low.rolling_min(n))]
    side, sides = 0.0, []
    for close, levels in zip(bars["Close"], map(Channels, *channels), strict=True):
        side = breakout(side, close, levels)
        sides.append(side)
    return np.array(sides)


SIDES: dict[str, Callable[..., Any]] = {"sma_cross": sma_sides, "donchian_breakout": donchian_sides}


def run(cell: dict[str, Any]) -> tuple[float, int]:
    """Final equity and trades of one cell."""
    bars, at_close = prices(cell["file"]), cell["fill"] == "close"
    sides = SIDES[cell["strategy"]](bars, **cell["params"])
    if cell["long_only"]:
        sides = np.maximum(sides, 0.0)
    if not at_close:
        sides = np.concatenate([[0.0], sides[:-1]])
    sides[-1] = 0.0
    turned = np.concatenate([[sides[0] != 0.0], sides[1:] != sides[:-1]])
    # Percent of what can be paid for, fee included, whichever side is left by it; to be flat: an amount of zero.
    units = cell["units"]
    portfolio = vbt.Portfolio.from_orders(
        close=bars["Close"],
        size=np.where(turned, sides * (units or 1.0), np.nan),
        size_type=np.where((sides == 0.0) | (units > 0), SizeType.TargetAmount, SizeType.Percent),
        price=bars["Close"] if at_close else bars["Open"],
        fees=cell["fee"],
        slippage=cell["slippage"],
        size_granularity=1.0 if cell["whole_shares"] else np.nan,
        init_cash=cell["cash"],
        freq="1D",
    )
    return portfolio.final_value(), portfolio.trades.count()


if __name__ == "__main__":
    answer("vectorbt", run)
