"""One bar in the life of an account on many instruments: what session.py does for one, desk by desk.

All opens come first, then what happens within the bars, symbol by symbol in the order given, then all closes. At an
open and at a close all symbols sell before any buys, so that a purchase finds the money of the sales beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.bar import Bar
from trading.broker import (
    AT_DECISION,
    AT_FIRST,
    AT_LAST,
    cancel_due,
    expire_at_close,
    expire_at_once,
    match_inside,
    take_orders,
    take_step,
    walk,
)
from trading.exposure import bound_worth
from trading.financing import keep_cash, keep_position, roll_traded
from trading.frictions import carry_of, slippage_of
from trading.ledger import (
    ACCOUNT_RUINED,
    BARS_END,
    BOUND_COUNT,
    BOUND_GROSS,
    BOUND_NET,
    CALLED,
    CASH,
    EQUITY,
    FILL_AT,
    IMPACT_FACTOR,
    MAINTENANCE_MARGIN,
    MARGIN_CALL,
    MARGIN_CALLS,
    OTHERS_GROSS,
    POSITION,
    RUINED,
    SIDE_NOW,
    SIGMA,
    TRAIL_AT,
    USUAL_VOLUME,
    Desk,
)
from trading.margin import margin_is_short
from trading.order import EMPTY, LIVE_FROM, MARKET, STATE, TYPE, is_target, slots
from trading.order_checks import is_limited
from trading.pool import (
    CLOSE_ROW,
    CLOSES_ROW,
    DIVIDEND_ROW,
    HIGH_ROW,
    LOW_ROW,
    MARK_ROW,
    OPEN_ROW,
    OPENS_ROW,
    POSITION_ROW,
    VOLUME_ROW,
    WORKING_ROW,
    Pool,
    hand_back,
    has_bar,
    mark,
    revalue,
    visit,
)
from trading.rules import CLOSE, NEXT_OPEN
from trading.session import leave
from trading.slippage import observe

if TYPE_CHECKING:
    from trading.order import Book

NEVER = 1e15  # a bar that does not come: an order that waits for a close, not for an open


def open_bar(pool: Pool, i: int, now_us: int, before_us: int, last: bool) -> None:
    """All of bar `i` that happens before the strategy sees its close; `last`: what is held is to be left with it."""
    account, board = pool.account, pool.board
    if i > 0:
        keep_all(pool, float(before_us), float(now_us))
    roll_traded(account, float(now_us))
    for s in range(len(pool.orders)):
        if board[WORKING_ROW][s] != 0.0:
            desk = visit(pool, s)
            cancel_due(desk, i)
            hand_back(pool, s, desk)
        if has_bar(pool, s):
            take_step(Desk(pool.orders[s], pool.ledgers[s]), bar_of(pool, s, now_us))
    if last and account[FILL_AT] == NEXT_OPEN and account[RUINED] < 0.0:
        # The order to be flat goes out after the bar before, so it fills at the last open.
        leave_all(pool, i, i, BARS_END)
    mark(pool, OPEN_ROW)
    deal_at(pool, i, now_us, AT_FIRST, OPEN_ROW)
    for s in range(len(pool.orders)):
        if board[WORKING_ROW][s] != 0.0 and has_bar(pool, s):
            desk = visit(pool, s)
            expire_at_once(desk, i, float(now_us), board[OPENS_ROW][s] != 0.0)
            match_inside(desk, i, bar_of(pool, s, now_us))
            hand_back(pool, s, desk)
    mark(pool, CLOSE_ROW)
    deal_at(pool, i, now_us, AT_LAST, CLOSE_ROW)
    for s in range(len(pool.orders)):
        if board[WORKING_ROW][s] != 0.0 and has_bar(pool, s) and board[CLOSES_ROW][s] != 0.0:
            desk = visit(pool, s)
            expire_at_close(desk, i, float(now_us))
            hand_back(pool, s, desk)
    revalue(pool)


def close_bar(pool: Pool, i: int, now_us: int, last: bool) -> None:
    """After the strategy has spoken on bar `i`: take its orders, unless the account is ruined or the run ends."""
    account = pool.account
    deals = account[FILL_AT] == CLOSE
    if account[RUINED] < 0.0:
        if account[IMPACT_FACTOR] > 0.0:
            observe_all(pool)
        if account[EQUITY] <= 0.0:
            account[RUINED] = i
            leave_all(pool, i, i, ACCOUNT_RUINED)
            deals = True
        elif last:
            leave_all(pool, i, i, BARS_END)
        elif is_called(pool):
            leave_all(pool, i, i + 1, MARGIN_CALL)
            deals = False
        else:
            take_all(pool, i)
    if deals:
        deal_at(pool, i, now_us, AT_DECISION, CLOSE_ROW)
        revalue(pool)


def bar_of(pool: Pool, s: int, now_us: int) -> Bar:
    """The bar of symbol `s` at this moment."""
    board = pool.board
    return Bar(
        now_us, board[OPEN_ROW][s], board[HIGH_ROW][s], board[LOW_ROW][s], board[CLOSE_ROW][s], board[VOLUME_ROW][s]
    )


def keep_all(pool: Pool, before_us: float, now_us: float) -> None:
    """Settle what the time since the bar before costs or brings, for the cash and for every position."""
    account, board = pool.account, pool.board
    carry, shorts = carry_of(account), 0.0
    for s in range(len(pool.orders)):
        shorts += min(0.0, board[POSITION_ROW][s] * board[MARK_ROW][s])
    brought = keep_cash(carry, account, shorts, now_us - before_us)
    for s in range(len(pool.orders)):
        if board[POSITION_ROW][s] != 0.0:
            worth = board[POSITION_ROW][s] * board[MARK_ROW][s]
            brought += keep_position(carry, pool.ledgers[s], worth, before_us, now_us, board[DIVIDEND_ROW][s])
    account[CASH] += brought


def deal_at(pool: Pool, i: int, now_us: int, moment: int, row: int) -> None:
    """Let the orders of this moment fill at every symbol's open or close: sales, then purchases."""
    board = pool.board
    alone = len(pool.orders) == 1
    for k in range(1 if alone else 2):
        side = 0.0 if alone else 2.0 * k - 1.0
        for s in range(len(pool.orders)):
            session = board[CLOSES_ROW][s] if moment == AT_LAST else board[OPENS_ROW][s]
            if board[WORKING_ROW][s] == 0.0 or not has_bar(pool, s) or (moment == AT_LAST and session == 0.0):
                continue
            if moment == AT_DECISION and 0.0 <= pool.account[RUINED] < i and not waits_for_close(pool.orders[s]):
                continue
            desk = visit(pool, s)
            desk.ledger[SIDE_NOW] = side
            price = board[row][s]
            walk(desk, i, float(now_us), moment, session != 0.0, price, price)
            desk.ledger[SIDE_NOW] = 0.0
            hand_back(pool, s, desk)


def leave_all(pool: Pool, i: int, live_from: int, reason: int) -> None:
    """End every order of every book, and send those that leave all positions from bar `live_from` on."""
    board = pool.board
    for s in range(len(pool.orders)):
        if board[WORKING_ROW][s] != 0.0 or board[POSITION_ROW][s] != 0.0:
            desk = visit(pool, s)
            leave(desk, i, live_from, reason)
            wait_for_close(pool, s, desk.orders)
            hand_back(pool, s, desk)


def wait_for_close(pool: Pool, s: int, orders: Book) -> None:
    """Where orders fill at the close they were decided on, those of a symbol without a bar wait for its next close."""
    if pool.account[FILL_AT] != CLOSE or has_bar(pool, s):
        return
    for slot in slots(orders):
        if orders[slot + STATE] != EMPTY and (orders[slot + TYPE] == MARKET or is_target(orders, slot)):
            orders[slot + LIVE_FROM] = NEVER


def waits_for_close(orders: Book) -> bool:
    """Whether a book has an order from a moment without a bar; what volume left over of another waits for opens."""
    waits = False
    for slot in slots(orders):
        waits = waits or (orders[slot + STATE] != EMPTY and orders[slot + LIVE_FROM] == NEVER)
    return waits


def is_called(pool: Pool) -> bool:
    """Whether the account must leave all it holds: it fell below the maintenance margin and is not flat since."""
    account, held = pool.account, False
    for s in range(len(pool.orders)):
        held = held or pool.board[POSITION_ROW][s] != 0.0
    if not held:
        account[CALLED] = 0.0
    if margin_is_short(account[EQUITY], account[OTHERS_GROSS], account[MAINTENANCE_MARGIN]) and account[CALLED] == 0.0:
        account[CALLED] = 1.0
        account[MARGIN_CALLS] += 1.0
    return bool(account[CALLED] != 0.0)


def take_all(pool: Pool, i: int) -> None:
    """Accept or reject what was placed in every book; with limits each order counts for those after it."""
    account, board = pool.account, pool.board
    limited = len(pool.orders) > 0 and is_limited(pool.ledgers[0])
    if limited:
        bind_all(pool)
    for s in range(len(pool.orders)):
        if board[WORKING_ROW][s] == 0.0:
            continue
        desk = visit(pool, s)
        ledger, price = desk.ledger, board[MARK_ROW][s]
        if limited:
            worth = bound_worth(desk.orders, ledger, price, 0)
            ledger[BOUND_NET] = account[BOUND_NET] - worth
            ledger[BOUND_GROSS] = account[BOUND_GROSS] - abs(worth)
            ledger[BOUND_COUNT] = account[BOUND_COUNT] - (1.0 if worth != 0.0 else 0.0)
        take_orders(desk, i, price)
        wait_for_close(pool, s, desk.orders)
        if limited:
            worth = bound_worth(desk.orders, ledger, price, 0)
            account[BOUND_NET] = ledger[BOUND_NET] + worth
            account[BOUND_GROSS] = ledger[BOUND_GROSS] + abs(worth)
            account[BOUND_COUNT] = ledger[BOUND_COUNT] + (1.0 if worth != 0.0 else 0.0)
        hand_back(pool, s, desk)


def bind_all(pool: Pool) -> None:
    """Add up what all desks hold and are bound to by orders that were taken before."""
    account = pool.account
    net, gross, count = 0.0, 0.0, 0.0
    for s in range(len(pool.orders)):
        ledger, price = pool.ledgers[s], pool.board[MARK_ROW][s]
        ledger[EQUITY] = account[EQUITY]
        worth = ledger[POSITION] * price
        if pool.board[WORKING_ROW][s] != 0.0:
            worth = bound_worth(pool.orders[s], ledger, price, 0)
        net += worth
        gross += abs(worth)
        count += 1.0 if worth != 0.0 else 0.0
    account[BOUND_NET] = net
    account[BOUND_GROSS] = gross
    account[BOUND_COUNT] = count


def observe_all(pool: Pool) -> None:
    """Let this bar of every symbol into the windows that its impact is measured over."""
    for s in range(len(pool.orders)):
        if has_bar(pool, s):
            ledger = pool.ledgers[s]
            close, volume = pool.board[CLOSE_ROW][s], pool.board[VOLUME_ROW][s]
            sigma, usual = observe(slippage_of(ledger), ledger, int(ledger[TRAIL_AT]), close, volume)
            ledger[SIGMA] = sigma
            ledger[USUAL_VOLUME] = usual
