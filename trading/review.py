"""A portfolio's review: the strategy sees its account, and what it wants to hold becomes orders, within the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.account import Portfolio
from trading.frictions import limits_of, rules_of
from trading.ledger import CASH, EQUITY, LEVERAGE, LONG_ONLY
from trading.placing import cancel_all, place_target, place_target_quantity
from trading.pool import ENTRY_ROW, LOT_ROW, MARK_ROW, POSITION_ROW, SHARE_ROW, TICK_ROW, WANTED_ROW, WORKING_ROW
from trading.risk import limit_weights

if TYPE_CHECKING:
    from trading.pool import Pool


def portfolio_of(pool: Pool) -> Portfolio:
    """The account as a strategy sees it at a bar's close."""
    account, board = pool.account, pool.board
    return Portfolio(
        account[CASH],
        account[EQUITY],
        board[POSITION_ROW],
        board[ENTRY_ROW],
        board[LOT_ROW],
        board[TICK_ROW],
        account[LEVERAGE],
        rules_of(account),
    )


def follow_weights(pool: Pool) -> None:
    """Send every symbol to its wanted weight, once the limits have cut the weights."""
    wanted = pool.board[WANTED_ROW]
    limit_weights(limits_of(pool.account), wanted)
    for s in range(len(pool.orders)):
        target = allowed(pool, wanted[s])
        if is_news(pool, s, target):
            cancel_all(pool.orders[s])
            place_target(pool.orders[s], target * pool.account[LEVERAGE])
            pool.board[WORKING_ROW][s] = 1.0


def follow_quantities(pool: Pool) -> None:
    """Send every symbol to its wanted quantity; where limits cut its weight at the last price, to that part of it."""
    board, equity = pool.board, pool.account[EQUITY]
    wanted, share = board[WANTED_ROW], board[SHARE_ROW]
    if equity > 0.0:
        for s in range(len(pool.orders)):
            share[s] = wanted[s] * board[MARK_ROW][s] / equity
        limit_weights(limits_of(pool.account), share)
        for s in range(len(pool.orders)):
            before = wanted[s] * board[MARK_ROW][s] / equity
            if share[s] != before and before != 0.0 and before == before:  # noqa: PLR0124 - NaN: no opinion
                wanted[s] *= share[s] / before
    for s in range(len(pool.orders)):
        target = allowed(pool, wanted[s])
        if is_news(pool, s, target):
            cancel_all(pool.orders[s])
            place_target_quantity(pool.orders[s], target)
            board[WORKING_ROW][s] = 1.0


def allowed(pool: Pool, wanted: float) -> float:
    """What is wanted, but for shorts where the run allows none; no opinion is nothing."""
    if wanted != wanted or (pool.account[LONG_ONLY] != 0.0 and wanted < 0.0):  # noqa: PLR0124 - NaN: no opinion
        return 0.0
    return wanted


def is_news(pool: Pool, s: int, target: float) -> bool:
    """Whether a symbol needs an order at all: one that is flat, and is to be, does not."""
    return bool(target != 0.0 or pool.board[POSITION_ROW][s] != 0.0 or pool.board[WORKING_ROW][s] != 0.0)
