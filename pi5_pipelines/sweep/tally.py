"""Every figure of one combination, taken from the event loop's curve and fills without a table in between.

The definitions are those of `backtest.metrics` and `backtest.trades`; written so that numba compiles them, since a
sweep takes the figures of thousands of curves a second. Tests hold both to the same numbers.
"""

from __future__ import annotations

import math
from typing import Any

from pi5_pipelines.backtest.driver import (
    CURVE_CASH,
    CURVE_EQUITY,
    FILL_FEE,
    FILL_PRICE,
    FILL_QUANTITY,
    FILL_SLIPPAGE,
    FILL_SYMBOL,
)
from pi5_pipelines.backtest.trades import DUST

Numbers = Any

NAN = float("nan")

FIGURES = (
    "equity_final",
    "return_pct",
    "annual_return_pct",
    "volatility_pct",
    "sharpe",
    "sortino",
    "calmar",
    "max_drawdown_pct",
    "trades",
    "win_rate_pct",
    "profit_factor",
    "best_trade_pct",
    "worst_trade_pct",
    "avg_trade_pct",
    "exposure_pct",
    "turnover",
    "fees_paid",
    "slippage_paid",
    "ambiguous_bars",
    "orders_rejected",
    "margin_calls",
)
(
    EQUITY_FINAL,
    RETURN_PCT,
    ANNUAL_RETURN_PCT,
    VOLATILITY_PCT,
    SHARPE,
    SORTINO,
    CALMAR,
    MAX_DRAWDOWN_PCT,
    TRADES,
    WIN_RATE_PCT,
    PROFIT_FACTOR,
    BEST_TRADE_PCT,
    WORST_TRADE_PCT,
    AVG_TRADE_PCT,
    EXPOSURE_PCT,
    TURNOVER,
    FEES_PAID,
    SLIPPAGE_PAID,
    AMBIGUOUS_BARS,  # from here on: what only the loop of orders counts
    ORDERS_REJECTED,
    MARGIN_CALLS,
) = range(21)
WHOLE = frozenset({"trades", "ambiguous_bars", "orders_rejected", "margin_calls"})

# Returns are cut into this many blocks in time; each leaves its sum and its sum of squares (for CSCV).
BLOCKS = 16
MOMENTS = 2 * BLOCKS
# Rows of the open trades: side (0: none), quantity and value bought into it, the same sold out of it, fees, position.
TRADE_SIDE, TRADE_OPENED, TRADE_OPEN_VALUE, TRADE_CLOSED, TRADE_CLOSE_VALUE, TRADE_FEES, TRADE_POSITION = range(7)
TRADE_ROWS = 7
# The tally over trades: how many, how many with a profit, and sums and extremes of their returns.
T_COUNT, T_WON, T_GAINS, T_LOSSES, T_BEST, T_WORST, T_SUM = range(7)
TALLY_SIZE = 7

# Where the mean dominates, the difference of sums below loses digits: then deviations are summed in a second pass.
CANCELLED = 0.01


def tally(  # noqa: PLR0913, PLR0917 - compiled code takes no bundles of mixed kinds
    curve: Numbers,
    fills: Numbers,
    count: int,
    last_close: Numbers,
    cash: float,
    periods: float,
    trades: Numbers,
    totals: Numbers,
    out: Numbers,
    moments: Numbers,
) -> None:
    """Fill `out` (one number a figure, NaN where undefined) and `moments` (BLOCKS sums of returns, then of squares)."""
    equity = curve[CURVE_EQUITY]
    mean_equity = take_curve(equity, curve[CURVE_CASH], cash, periods, out, moments)
    take_fills(fills, count, mean_equity, out)
    take_trades(fills, count, last_close, trades, totals, out)
    out[AMBIGUOUS_BARS], out[ORDERS_REJECTED], out[MARGIN_CALLS] = 0.0, 0.0, 0.0


def change(before: float, now: float) -> float:
    """The simple return of one bar, as numpy divides: NaN for nothing from nothing, else infinite for a zero."""
    if before == 0.0:
        if now == 0.0:
            return NAN
        return math.inf if now > 0.0 else -math.inf
    return now / before - 1.0


def take_curve(
    equity: Numbers, cash_curve: Numbers, cash: float, periods: float, out: Numbers, moments: Numbers
) -> float:
    """The figures of the equity curve, its returns' moments by block; answers the mean equity."""
    bars = len(equity)
    steps = bars - 1
    total, squares, downside, growth = 0.0, 0.0, 0.0, 1.0
    known = 0
    before = equity[0]
    peak, depth, money = before, 1.0, before
    held = 1 if exposed(before, cash_curve[0]) else 0
    for block in range(BLOCKS):
        block_total, block_squares = 0.0, 0.0
        for i in range(1 + steps * block // BLOCKS, 1 + steps * (block + 1) // BLOCKS):
            now = equity[i]
            step = change(before, now)
            if step == step:  # noqa: PLR0124 - NaN: undefined
                block_total += step
                block_squares += step * step
                if step < 0.0:
                    downside += step * step
                growth *= 1.0 + step
                known += 1
            if now > peak:
                peak = now
            elif now < depth * peak:
                depth = now / peak
            money += now
            if exposed(now, cash_curve[i]):
                held += 1
            before = now
        moments[block] = block_total
        moments[BLOCKS + block] = block_squares
        total += block_total
        squares += block_squares
    deviation = deviation_of(equity, total, squares, known)
    annual = growth ** (periods / bars) - 1.0 if growth > 0.0 else -1.0
    out[EQUITY_FINAL] = equity[bars - 1]
    out[RETURN_PCT] = (equity[bars - 1] / cash - 1.0) * 100.0
    out[ANNUAL_RETURN_PCT] = annual * 100.0
    out[VOLATILITY_PCT] = deviation * math.sqrt(periods) * 100.0
    out[SHARPE] = total / known / deviation * math.sqrt(periods) if deviation > 0.0 else NAN
    out[SORTINO] = NAN
    if known > 1 and downside > 0.0:
        out[SORTINO] = total / known * periods / (math.sqrt(downside / known) * math.sqrt(periods))
    deepest = depth - 1.0
    out[CALMAR] = annual / -deepest if deepest < 0.0 else NAN
    out[MAX_DRAWDOWN_PCT] = deepest * 100.0
    out[EXPOSURE_PCT] = held / bars * 100.0
    return float(money) / bars


def exposed(equity: float, cash: float) -> bool:
    """Whether a bar closes with a position: equity that is not all cash, and not nothing."""
    return equity != 0.0 and 0.0 < abs(equity - cash) < math.inf


def deviation_of(equity: Numbers, total: float, squares: float, known: int) -> float:
    """The standard deviation (ddof 1) of an equity curve's returns, whose sum, squares and number are known."""
    if known < 2:  # noqa: PLR2004 - one return has no deviation
        return NAN
    mean = total / known
    spread = squares - total * mean
    if spread < CANCELLED * squares:
        spread = 0.0
        for i in range(1, len(equity)):
            step = change(equity[i - 1], equity[i])
            if step == step:  # noqa: PLR0124 - NaN: undefined
                spread += (step - mean) * (step - mean)
    return math.sqrt(spread / (known - 1)) if spread >= 0.0 else NAN


def take_fills(fills: Numbers, count: int, mean_equity: float, out: Numbers) -> None:
    """Turnover, fees and slippage."""
    traded, fees, slippage = 0.0, 0.0, 0.0
    for i in range(count):
        row = fills[i]
        traded += abs(row[FILL_QUANTITY] * row[FILL_PRICE])
        fees += row[FILL_FEE]
        slippage += row[FILL_SLIPPAGE]
    out[TURNOVER] = traded / mean_equity if mean_equity != 0.0 else NAN
    out[FEES_PAID] = fees
    out[SLIPPAGE_PAID] = slippage


def take_trades(
    fills: Numbers, count: int, last_close: Numbers, trades: Numbers, totals: Numbers, out: Numbers
) -> None:
    """Round trips out of fills, one at a time per symbol; the open ones are valued at their symbol's last close."""
    totals[:] = 0.0
    for s in range(len(last_close)):
        trades[s][TRADE_SIDE] = 0.0
        trades[s][TRADE_POSITION] = 0.0
    for i in range(count):
        row = fills[i]
        trade = trades[int(row[FILL_SYMBOL])]
        quantity, price = row[FILL_QUANTITY], row[FILL_PRICE]
        if trade[TRADE_SIDE] == 0.0:
            trade[:TRADE_POSITION] = 0.0
            trade[TRADE_SIDE] = 1.0 if quantity > 0.0 else -1.0
        trade[TRADE_FEES] += row[FILL_FEE]
        if quantity * trade[TRADE_SIDE] > 0.0:
            trade[TRADE_OPENED] += abs(quantity)
            trade[TRADE_OPEN_VALUE] += abs(quantity) * price
        else:
            trade[TRADE_CLOSED] += abs(quantity)
            trade[TRADE_CLOSE_VALUE] += abs(quantity) * price
        trade[TRADE_POSITION] += quantity
        if abs(trade[TRADE_POSITION]) <= DUST * max(1.0, trade[TRADE_OPENED]):
            count_trade(trade, trade[TRADE_CLOSE_VALUE], totals)
            trade[TRADE_POSITION] = 0.0
            trade[TRADE_SIDE] = 0.0
    for s in range(len(last_close)):
        trade = trades[s]
        if trade[TRADE_SIDE] != 0.0:
            left = trade[TRADE_OPENED] - trade[TRADE_CLOSED]
            count_trade(trade, trade[TRADE_CLOSE_VALUE] + left * last_close[s], totals)
    number = totals[T_COUNT]
    some = number > 0.0
    out[TRADES] = number
    out[WIN_RATE_PCT] = totals[T_WON] / number * 100.0 if some else NAN
    out[PROFIT_FACTOR] = totals[T_GAINS] / -totals[T_LOSSES] if totals[T_LOSSES] < 0.0 else NAN
    out[BEST_TRADE_PCT] = totals[T_BEST] * 100.0 if some else NAN
    out[WORST_TRADE_PCT] = totals[T_WORST] * 100.0 if some else NAN
    out[AVG_TRADE_PCT] = totals[T_SUM] / number * 100.0 if some else NAN


def count_trade(trade: Numbers, value_now: float, totals: Numbers) -> None:
    """Take a trade into the tally, ended or valued as it stands."""
    pnl = trade[TRADE_SIDE] * (value_now - trade[TRADE_OPEN_VALUE]) - trade[TRADE_FEES]
    gain = pnl / trade[TRADE_OPEN_VALUE] if trade[TRADE_OPEN_VALUE] != 0.0 else NAN
    first = totals[T_COUNT] == 0.0
    totals[T_COUNT] += 1.0
    totals[T_SUM] += gain
    if pnl > 0.0:
        totals[T_WON] += 1.0
    if gain > 0.0:
        totals[T_GAINS] += gain
    elif gain < 0.0:
        totals[T_LOSSES] += gain
    if first or gain > totals[T_BEST]:
        totals[T_BEST] = gain
    if first or gain < totals[T_WORST]:
        totals[T_WORST] = gain
