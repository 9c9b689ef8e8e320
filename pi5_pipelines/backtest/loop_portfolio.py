"""The event loop of portfolios with limits and a calendar: many symbols on one cash pool, as in driver, and no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.backtest.driver import (
    BOOK_POSITION,
    BOOK_WEIGHT,
    CASH,
    CURVE_CASH,
    CURVE_DECISION,
    CURVE_EQUITY,
    CURVE_POSITION,
    RUINED,
    equity_of,
    order_all,
    rebalance,
    see_bars,
)
from trading.rebalancing import is_review
from trading.risk import limit_weights
from trading.rules import CLOSE, NEXT_OPEN

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.driver import Columns, Numbers
    from trading.rebalancing import Schedule
    from trading.risk import Limits
    from trading.rules import Rules


def portfolio(allocate: Callable[..., bool]) -> Callable[..., None]:
    """The loop; without limits, and with the strategy's own schedule, it is the plain one to the bit."""

    def run(  # noqa: PLR0913, PLR0917 - compiled code takes no bundles of mixed kinds
        columns: Columns,
        params: Numbers,
        state: Numbers,
        account: Numbers,
        lots: Numbers,
        rules: Rules,
        limits: Limits,
        schedule: Schedule,
        curve: Numbers,
        fills: Numbers,
        book: Numbers,
    ) -> None:
        bars = len(columns.ts_us)
        for i in range(bars):
            last = rules.close_at_end and i == bars - 1
            if rules.fill_at == NEXT_OPEN:
                if last:
                    order_all(book, rules, True)  # noqa: FBT003
                rebalance(fills, account, i, columns.open[i], lots, rules, book)
            row = see_bars(columns, i, book)
            if account[RUINED] < 0.0:
                asked = allocate(state, params, row, book[BOOK_POSITION], book[BOOK_WEIGHT])
                following = columns.ts_us[i + 1] if i + 1 < bars else 0
                trade = is_review(schedule, i, columns.ts_us[i], following, asked)
                curve[CURVE_DECISION][i] = 1.0 if trade else 0.0
                if equity_of(account, book) <= 0.0:
                    account[RUINED] = i
                if trade or last or account[RUINED] >= 0.0:
                    limit_weights(limits, book[BOOK_WEIGHT])
                    order_all(book, rules, last or account[RUINED] >= 0.0)
            if rules.fill_at == CLOSE or account[RUINED] == i:
                rebalance(fills, account, i, columns.close[i], lots, rules, book)
            curve[CURVE_EQUITY][i] = equity_of(account, book)
            curve[CURVE_CASH][i] = account[CASH]
            curve[CURVE_POSITION][i] = curve[CURVE_EQUITY][i] - account[CASH]

    return run
