"""Round trips out of fills: what a trader means by a trade."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest import driver

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

DUST = 1e-9  # of a lot: what rounding leaves of a position that was closed


@dataclass(slots=True)
class Trade:
    """A position of one symbol from flat until flat again, or until it changes side.

    Prices are averages weighted by quantity, over the fills that opened or enlarged it and those that reduced it.
    """

    symbol: int
    side: float
    entry_bar: int
    opened: float = 0.0
    open_value: float = 0.0
    closed: float = 0.0
    close_value: float = 0.0
    fees: float = 0.0
    exit_bar: int = -1

    def add(self, quantity: float, price: float, fee: float) -> None:
        """Take in a fill of this trade's symbol, signed as it was traded."""
        self.fees += fee
        if quantity * self.side > 0.0:
            self.opened += abs(quantity)
            self.open_value += abs(quantity) * price
        else:
            self.closed += abs(quantity)
            self.close_value += abs(quantity) * price


def round_trips(fills: NDArray[np.float64], symbols: int) -> list[Trade]:
    """Trades in order of their entry, from a table of fills (columns as in driver); the open ones have exit_bar -1."""
    trades: list[Trade] = []
    current: list[Trade | None] = [None] * symbols
    positions = [0.0] * symbols
    for row in fills.tolist():
        symbol, quantity, price, fee = int(row[1]), row[2], row[3], row[4]
        trade = current[symbol]
        if trade is None:
            trade = Trade(symbol, 1.0 if quantity > 0.0 else -1.0, int(row[driver.FILL_BAR]))
            trades.append(trade)
            current[symbol] = trade
        trade.add(quantity, price, fee)
        positions[symbol] += quantity
        if abs(positions[symbol]) <= DUST * max(1.0, trade.opened):
            positions[symbol] = 0.0
            trade.exit_bar = int(row[driver.FILL_BAR])
            current[symbol] = None
    return trades


def _rows(
    trades: Sequence[Trade], symbols: Sequence[str], ts_us: NDArray[np.int64], last_close: Sequence[float]
) -> Iterator[dict[str, Any]]:
    for trade in trades:
        open_quantity = trade.opened - trade.closed if trade.exit_bar < 0 else 0.0
        value_now = trade.close_value + open_quantity * last_close[trade.symbol]
        pnl = trade.side * (value_now - trade.open_value) - trade.fees
        exit_bar = trade.exit_bar if trade.exit_bar >= 0 else ts_us.size - 1
        yield {
            "symbol": symbols[trade.symbol],
            "side": "long" if trade.side > 0.0 else "short",
            "quantity": trade.opened,
            "entry_ts": int(ts_us[trade.entry_bar]),
            "entry_price": trade.open_value / trade.opened,
            "exit_ts": int(ts_us[exit_bar]),
            "exit_price": value_now / trade.opened,
            "pnl": pnl,
            # Impact can push a sale down to nothing; then there is no value to compare with.
            "return_pct": pnl / trade.open_value * 100.0 if trade.open_value > 0.0 else math.nan,
            "bars_held": exit_bar - trade.entry_bar,
            "fees": trade.fees,
            "closed": trade.exit_bar >= 0,
        }


def trades_frame(
    trades: Sequence[Trade], symbols: Sequence[str], ts_us: NDArray[np.int64], last_close: Sequence[float]
) -> pl.DataFrame:
    """The trades as a table; an open one is valued at its symbol's last close (closed = false)."""
    import polars as pl

    moment = pl.Datetime("us", "UTC")
    schema = {
        "symbol": pl.String,
        "side": pl.String,
        "quantity": pl.Float64,
        "entry_ts": pl.Int64,
        "entry_price": pl.Float64,
        "exit_ts": pl.Int64,
        "exit_price": pl.Float64,
        "pnl": pl.Float64,
        "return_pct": pl.Float64,
        "bars_held": pl.Int64,
        "fees": pl.Float64,
        "closed": pl.Boolean,
    }
    frame = pl.DataFrame(list(_rows(trades, symbols, ts_us, last_close)), schema=schema)
    return frame.with_columns(pl.col("entry_ts").cast(moment), pl.col("exit_ts").cast(moment))


def fills_frame(fills: NDArray[np.float64], symbols: Sequence[str], ts_us: NDArray[np.int64]) -> pl.DataFrame:
    """The fills as a table: time, symbol, side, quantity, price, fee and slippage in money."""
    import numpy as np
    import polars as pl

    quantity = fills[:, driver.FILL_QUANTITY]
    names = np.asarray(symbols, dtype=object)[fills[:, driver.FILL_SYMBOL].astype(np.int64)]
    return pl.DataFrame(
        {
            "ts": pl.Series(ts_us[fills[:, driver.FILL_BAR].astype(np.int64)], dtype=pl.Int64).cast(
                pl.Datetime("us", "UTC")
            ),
            "symbol": pl.Series(names.tolist(), dtype=pl.String),
            "side": pl.Series(np.where(quantity > 0.0, "buy", "sell").tolist(), dtype=pl.String),
            "quantity": np.abs(quantity),
            "price": fills[:, driver.FILL_PRICE].copy(),
            "fee": fills[:, driver.FILL_FEE].copy(),
            "slippage": fills[:, driver.FILL_SLIPPAGE].copy(),
        }
    )
