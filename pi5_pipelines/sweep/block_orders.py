"""A run of combinations through the loop of orders, one after the other, on one desk that is cleared before each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pi5_pipelines.sweep.block import DONE, MARK_AT, MARK_ROOM, NEEDS_FILLS, NEEDS_STATE
from pi5_pipelines.sweep.tally import AMBIGUOUS_BARS, MARGIN_CALLS, ORDERS_REJECTED, tally
from trading import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.loop_orders import Inside
    from trading.ledger import Desk

Numbers = Any


class OrderTerms(NamedTuple):
    """What all combinations on one symbol share: finer bars (there are none), and dividends by bar (empty: none)."""

    inside: Inside
    dividends: Numbers


class OrderBooks(NamedTuple):
    """A lane's desk, and what it looks like before a run: the empty book, and the ledger up to its table of fills."""

    desk: Desk
    orders: Numbers
    ledger: Numbers


def orders_block(run: Callable[..., None], memory: Callable[..., int]) -> Callable[..., int]:
    """The block of a strategy on one symbol whose `run` is the loop of orders.

    The ledger has no room for order events: they are counted, and nobody reads them.
    """

    def block(  # noqa: PLR0913, PLR0917 - called as the plain blocks are
        columns: Numbers,
        params: Numbers,
        cash: float,
        lots: Numbers,  # noqa: ARG001 - the ledger has them
        rules: OrderTerms,
        periods: float,
        last_close: Numbers,
        state: Numbers,
        account: Numbers,  # noqa: ARG001 - the ledger is the account
        curve: Numbers,
        fills: Numbers,  # a view of the ledger's table
        book: OrderBooks,
        trades: Numbers,
        totals: Numbers,
        out: Numbers,
        moments: Numbers,
        ruined: Numbers,
        mark: Numbers,
    ) -> int:
        desk = book.desk
        for i in range(mark[MARK_AT], len(params)):
            mark[MARK_AT] = i
            need = memory(params[i], 1)
            if need > len(state):
                mark[MARK_ROOM] = need
                return NEEDS_STATE
            used = state[:need]
            used[:] = 0.0
            # Number by number: numba compiles copied slices for long, and in much memory.
            for k in range(len(book.orders)):
                desk.orders[k] = book.orders[k]
            for k in range(len(book.ledger)):
                desk.ledger[k] = book.ledger[k]
            run(columns, rules.inside, rules.dividends, params[i], used, desk, curve)
            count = int(desk.ledger[ledger.FILL_COUNT])
            if count > len(fills):
                mark[MARK_ROOM] = count
                return NEEDS_FILLS
            tally(curve, fills, count, last_close, cash, periods, trades, totals, out[i], moments[i])
            out[i][AMBIGUOUS_BARS] = desk.ledger[ledger.AMBIGUOUS]
            out[i][ORDERS_REJECTED] = desk.ledger[ledger.REJECTED_COUNT]
            out[i][MARGIN_CALLS] = desk.ledger[ledger.MARGIN_CALLS]
            ruined[i] = desk.ledger[ledger.RUINED] >= 0.0
        mark[MARK_AT] = len(params)
        return DONE

    return block
