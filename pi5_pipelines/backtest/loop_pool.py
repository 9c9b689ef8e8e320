"""The event loop of accounts that hold many symbols, with all frictions, compiled or interpreted.

A strategy names weights or quantities, which are turned into orders at its reviews, or places orders in each symbol's
book. Weights without frictions give the plain loop's results to the bit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pi5_pipelines.backtest.driver import CURVE_CASH, CURVE_DECISION, CURVE_EQUITY, CURVE_POSITION
from trading.bar import bars_of
from trading.ledger import CASH, CLOSE_AT_END, EQUITY, RUINED
from trading.pool import (
    CLOSE_ROW,
    CLOSES_ROW,
    DIVIDEND_ROW,
    HIGH_ROW,
    LOW_ROW,
    OPEN_ROW,
    OPENS_ROW,
    POSITION_ROW,
    VOLUME_ROW,
    WANTED_ROW,
    count_orders,
)
from trading.pool_session import close_bar, open_bar
from trading.rebalancing import is_review
from trading.review import follow_quantities, follow_weights, portfolio_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.driver import Columns, Numbers
    from trading.bar import Bar
    from trading.pool import Pool
    from trading.rebalancing import Schedule


class Around(NamedTuple):
    """What else is known of each bar, one value a symbol: where sessions end, and dividends a share (empty: none)."""

    opens: Numbers
    closes: Numbers
    dividends: Numbers


def naming_weights(allocate: Callable[..., bool]) -> Callable[..., None]:
    """The loop for a strategy that names a part of equity for every symbol."""

    def run(
        columns: Columns,
        around: Around,
        params: Numbers,
        state: Numbers,
        pool: Pool,
        schedule: Schedule,
        curve: Numbers,
    ) -> None:
        for i in range(len(columns.ts_us)):
            before_strategy(columns, around, pool, i)
            if pool.account[RUINED] < 0.0:
                row = see(columns, pool, i)
                asked = allocate(state, params, row, pool.board[POSITION_ROW], pool.board[WANTED_ROW])
                if reviews(columns, schedule, i, asked):
                    follow_weights(pool)
            after_strategy(columns, pool, curve, i)

    return run


def naming_quantities(hold: Callable[..., bool]) -> Callable[..., None]:
    """The loop for a strategy that names the quantity to hold of every symbol."""

    def run(
        columns: Columns,
        around: Around,
        params: Numbers,
        state: Numbers,
        pool: Pool,
        schedule: Schedule,
        curve: Numbers,
    ) -> None:
        for i in range(len(columns.ts_us)):
            before_strategy(columns, around, pool, i)
            if pool.account[RUINED] < 0.0:
                row = see(columns, pool, i)
                asked = hold(state, params, row, portfolio_of(pool), pool.board[WANTED_ROW])
                if reviews(columns, schedule, i, asked):
                    follow_quantities(pool)
            after_strategy(columns, pool, curve, i)

    return run


def placing_everywhere(trade_all: Callable[..., None]) -> Callable[..., None]:
    """The loop for a strategy that places orders in every symbol's book; it knows no calendar."""

    def run(
        columns: Columns,
        around: Around,
        params: Numbers,
        state: Numbers,
        pool: Pool,
        schedule: Schedule,  # noqa: ARG001 - all loops of this kind are called alike
        curve: Numbers,
    ) -> None:
        for i in range(len(columns.ts_us)):
            before_strategy(columns, around, pool, i)
            if pool.account[RUINED] < 0.0:
                row = see(columns, pool, i)
                trade_all(state, params, row, portfolio_of(pool), pool.orders)
                count_orders(pool)
            after_strategy(columns, pool, curve, i)

    return run


def see(columns: Columns, pool: Pool, i: int) -> list[Bar]:
    """Every symbol's bar `i`, NaN where it has none."""
    board = pool.board
    return bars_of(
        columns.ts_us[i], board[OPEN_ROW], board[HIGH_ROW], board[LOW_ROW], board[CLOSE_ROW], board[VOLUME_ROW]
    )


def before_strategy(columns: Columns, around: Around, pool: Pool, i: int) -> None:
    """All of bar `i` that happens before its close: the board shows it, financing is settled, orders fill."""
    board = pool.board
    for s in range(len(pool.orders)):
        board[OPEN_ROW][s] = columns.open[i][s]
        board[HIGH_ROW][s] = columns.high[i][s]
        board[LOW_ROW][s] = columns.low[i][s]
        board[CLOSE_ROW][s] = columns.close[i][s]
        board[VOLUME_ROW][s] = columns.volume[i][s]
        board[OPENS_ROW][s] = around.opens[i][s]
        board[CLOSES_ROW][s] = around.closes[i][s]
        board[DIVIDEND_ROW][s] = around.dividends[i][s] if len(around.dividends) > 0 else 0.0
    open_bar(pool, i, columns.ts_us[i], columns.ts_us[max(0, i - 1)], is_last(columns, pool, i))


def after_strategy(columns: Columns, pool: Pool, curve: Numbers, i: int) -> None:
    """Take what the strategy placed on bar `i`, and write the account down."""
    account = pool.account
    close_bar(pool, i, columns.ts_us[i], is_last(columns, pool, i))
    curve[CURVE_EQUITY][i] = account[EQUITY]
    curve[CURVE_CASH][i] = account[CASH]
    curve[CURVE_POSITION][i] = account[EQUITY] - account[CASH]
    curve[CURVE_DECISION][i] = 0.0


def is_last(columns: Columns, pool: Pool, i: int) -> bool:
    """Whether what is held is to be left with bar `i`."""
    return bool(pool.account[CLOSE_AT_END] != 0.0 and i == len(columns.ts_us) - 1)


def reviews(columns: Columns, schedule: Schedule, i: int, asked: bool) -> bool:  # noqa: FBT001 - numba knows no keyword-only ones
    """Whether bar `i` ends with a review; `asked` is the strategy's own answer."""
    following = columns.ts_us[i + 1] if i + 1 < len(columns.ts_us) else 0
    return is_review(schedule, i, columns.ts_us[i], following, asked)
