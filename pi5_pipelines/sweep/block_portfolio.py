"""A run of combinations through the loop of portfolios with limits and a calendar, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pi5_pipelines.backtest.driver import BOOK_PENDING, CASH, FILLS, POSITION, RUINED
from pi5_pipelines.sweep.block import DONE, MARK_AT, MARK_ROOM, NAN, NEEDS_FILLS, NEEDS_STATE
from pi5_pipelines.sweep.tally import tally

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.rebalancing import Schedule
    from trading.risk import Limits
    from trading.rules import Rules

Numbers = Any


class PortfolioTerms(NamedTuple):
    """What all combinations over the same symbols share."""

    rules: Rules
    limits: Limits
    schedule: Schedule


def portfolio_block(run: Callable[..., None], memory: Callable[..., int]) -> Callable[..., int]:
    """The block of a strategy over many symbols whose `run` is the loop of portfolios."""

    def block(  # noqa: PLR0913, PLR0917 - called as the plain blocks are
        columns: Numbers,
        params: Numbers,
        cash: float,
        lots: Numbers,
        rules: PortfolioTerms,
        periods: float,
        last_close: Numbers,
        state: Numbers,
        account: Numbers,
        curve: Numbers,
        fills: Numbers,
        book: Numbers,
        trades: Numbers,
        totals: Numbers,
        out: Numbers,
        moments: Numbers,
        ruined: Numbers,
        mark: Numbers,
    ) -> int:
        for i in range(mark[MARK_AT], len(params)):
            mark[MARK_AT] = i
            need = memory(params[i], len(lots))
            if need > len(state):
                mark[MARK_ROOM] = need
                return NEEDS_STATE
            used = state[:need]
            used[:] = 0.0
            account[CASH], account[POSITION], account[FILLS], account[RUINED] = cash, 0.0, 0.0, -1.0
            book[:] = 0.0
            book[BOOK_PENDING][:] = NAN
            run(columns, params[i], used, account, lots, rules.rules, rules.limits, rules.schedule, curve, fills, book)
            count = int(account[FILLS])
            if count > len(fills):
                mark[MARK_ROOM] = count
                return NEEDS_FILLS
            tally(curve, fills, count, last_close, cash, periods, trades, totals, out[i], moments[i])
            ruined[i] = account[RUINED] >= 0.0
        mark[MARK_AT] = len(params)
        return DONE

    return block
