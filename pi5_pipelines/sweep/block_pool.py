"""A run of combinations through the loop of accounts on many symbols, in one account that is cleared before each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pi5_pipelines.sweep.block import DONE, MARK_AT, MARK_DESK_ROOM, MARK_ROOM, NEEDS_FILLS, NEEDS_STATE
from pi5_pipelines.sweep.tally import AMBIGUOUS_BARS, MARGIN_CALLS, ORDERS_REJECTED, tally
from trading import ledger

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.loop_pool import Around
    from trading.pool import Pool
    from trading.rebalancing import Schedule

Numbers = Any


class PoolTerms(NamedTuple):
    """What all combinations over the same symbols share."""

    around: Around
    schedule: Schedule


class PoolBooks(NamedTuple):
    """A lane's account, and what it looks like before a run; ledgers up to their tables of fills.

    `desk_rows` is how many fills a desk has room for.
    """

    pool: Pool
    orders: Numbers
    ledgers: Numbers
    account: Numbers
    board: Numbers
    desk_rows: int


def clear(book: PoolBooks) -> None:
    """Bring the account back to what it was before a run; number by number, since numba compiles slices for long."""
    for s in range(len(book.orders)):
        for k in range(len(book.orders[s])):
            book.pool.orders[s][k] = book.orders[s][k]
        for k in range(len(book.ledgers[s])):
            book.pool.ledgers[s][k] = book.ledgers[s][k]
    for k in range(len(book.account)):
        book.pool.account[k] = book.account[k]
    for row in range(len(book.board)):
        for s in range(len(book.board[row])):
            book.pool.board[row][s] = book.board[row][s]


def pool_block(run: Callable[..., None], memory: Callable[..., int]) -> Callable[..., int]:
    """The block of a strategy over many symbols whose `run` is the loop of pooled accounts.

    No ledger has room for order events: they are counted, and nobody reads them.
    """

    def block(  # noqa: PLR0913, PLR0917 - called as the plain blocks are
        columns: Numbers,
        params: Numbers,
        cash: float,
        lots: Numbers,
        rules: PoolTerms,
        periods: float,
        last_close: Numbers,
        state: Numbers,
        account: Numbers,  # noqa: ARG001 - the pool has one
        curve: Numbers,
        fills: Numbers,  # a view of the account's table
        book: PoolBooks,
        trades: Numbers,
        totals: Numbers,
        out: Numbers,
        moments: Numbers,
        ruined: Numbers,
        mark: Numbers,
    ) -> int:
        pool = book.pool
        for i in range(mark[MARK_AT], len(params)):
            mark[MARK_AT] = i
            need = memory(params[i], len(lots))
            if need > len(state):
                mark[MARK_ROOM] = need
                return NEEDS_STATE
            used = state[:need]
            used[:] = 0.0
            clear(book)
            run(columns, rules.around, params[i], used, pool, rules.schedule, curve)
            count = int(pool.account[ledger.FILL_COUNT])
            of_a_desk = int(pool.account[ledger.WANTED_FILLS])
            if count > len(fills) or of_a_desk > book.desk_rows:
                mark[MARK_ROOM] = max(count, len(fills))
                mark[MARK_DESK_ROOM] = max(of_a_desk, book.desk_rows)
                return NEEDS_FILLS
            tally(curve, fills, count, last_close, cash, periods, trades, totals, out[i], moments[i])
            ambiguous, rejected = pool.account[ledger.AMBIGUOUS], pool.account[ledger.REJECTED_COUNT]
            for s in range(len(lots)):
                ambiguous += pool.ledgers[s][ledger.AMBIGUOUS]
                rejected += pool.ledgers[s][ledger.REJECTED_COUNT]
            out[i][AMBIGUOUS_BARS], out[i][ORDERS_REJECTED] = ambiguous, rejected
            out[i][MARGIN_CALLS] = pool.account[ledger.MARGIN_CALLS]
            ruined[i] = pool.account[ledger.RUINED] >= 0.0
        mark[MARK_AT] = len(params)
        return DONE

    return block
