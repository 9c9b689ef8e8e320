"""The event loop of weights with limits and a calendar, and no other friction: the driver's, with its own reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pi5_pipelines.backtest.driver import BOOK_POSITION, BOOK_WEIGHT, RUINED, after_review, before_review
from trading.rebalancing import is_review
from trading.risk import limit_weights

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
        for i in range(len(columns.ts_us)):
            row = before_review(columns, i, account, lots, rules, fills, book)
            trade = False
            if account[RUINED] < 0.0:
                asked = allocate(state, params, row, book[BOOK_POSITION], book[BOOK_WEIGHT])
                following = columns.ts_us[i + 1] if i + 1 < len(columns.ts_us) else 0
                trade = is_review(schedule, i, columns.ts_us[i], following, asked)
                if trade:
                    limit_weights(limits, book[BOOK_WEIGHT])
            after_review(columns, i, account, lots, rules, curve, fills, book, trade)

    return run
