"""A run of combinations through the event loop, one after the other, in buffers that are used again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.backtest.driver import BOOK_PENDING, CASH, FILLS, POSITION, RUINED
from pi5_pipelines.sweep.tally import tally

if TYPE_CHECKING:
    from collections.abc import Callable

Numbers = Any

NAN = float("nan")

# How a block ends: all done, or the combination at the mark needs more room for its state or its fills.
DONE, NEEDS_STATE, NEEDS_FILLS = range(3)
# The mark: the combination being run, how much room it asks for, and how many fills of one symbol at a moment.
MARK_AT, MARK_ROOM, MARK_DESK_ROOM = range(3)
MARK_SIZE = 3


def one_symbol_block(
    run: Callable[..., None], memory: Callable[..., int], as_tuple: Callable[[Numbers], Any]
) -> Callable[..., int]:
    """The block of a strategy on one symbol; `run` is its event loop.

    `as_tuple` makes a tuple of a combination's row: compiled code keeps that in registers, where it would read an
    array again at each bar.
    """

    def block(  # noqa: PLR0913, PLR0917 - compiled code takes no bundles of mixed kinds
        columns: Numbers,
        params: Numbers,
        cash: float,
        lots: Numbers,
        rules: Numbers,
        periods: float,
        last_close: Numbers,
        state: Numbers,
        account: Numbers,
        curve: Numbers,
        fills: Numbers,
        book: Numbers,  # noqa: ARG001 - both blocks are called alike
        trades: Numbers,
        totals: Numbers,
        out: Numbers,
        moments: Numbers,
        ruined: Numbers,
        mark: Numbers,
    ) -> int:
        lot = lots[0]
        for i in range(mark[MARK_AT], len(params)):
            mark[MARK_AT] = i
            own = as_tuple(params[i])
            need = memory(own, 1)
            if need > len(state):
                mark[MARK_ROOM] = need
                return NEEDS_STATE
            used = state[:need]
            used[:] = 0.0
            account[CASH], account[POSITION], account[FILLS], account[RUINED] = cash, 0.0, 0.0, -1.0
            run(columns, own, used, account, lot, rules, curve, fills)
            count = int(account[FILLS])
            if count > len(fills):
                mark[MARK_ROOM] = count
                return NEEDS_FILLS
            tally(curve, fills, count, last_close, cash, periods, trades, totals, out[i], moments[i])
            ruined[i] = account[RUINED] >= 0.0
        mark[MARK_AT] = len(params)
        return DONE

    return block


def many_symbols_block(run: Callable[..., None], memory: Callable[..., int]) -> Callable[..., int]:
    """The block of a strategy over many symbols; `run` is its event loop."""

    def block(  # noqa: PLR0913, PLR0917 - as above
        columns: Numbers,
        params: Numbers,
        cash: float,
        lots: Numbers,
        rules: Numbers,
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
            run(columns, params[i], used, account, lots, rules, curve, fills, book)
            count = int(account[FILLS])
            if count > len(fills):
                mark[MARK_ROOM] = count
                return NEEDS_FILLS
            tally(curve, fills, count, last_close, cash, periods, trades, totals, out[i], moments[i])
            ruined[i] = account[RUINED] >= 0.0
        mark[MARK_AT] = len(params)
        return DONE

    return block
