"""One account on many instruments: a desk each (ledger.py), and money that goes from desk to desk.

Whoever works at a desk takes the account's money there (`visit`) and brings it back (`hand_back`), so one symbol is
matched, filled and financed by the same functions whether it has the account alone or shares it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trading.fees import TIERED
from trading.frictions import options_row
from trading.ledger import (
    CASH,
    ENTRY,
    EQUITY,
    EVENT_COLUMNS,
    EVENT_COUNT,
    EVENTS_AT,
    EVENTS_ROOM,
    FEE_KIND,
    FILL_COLUMNS,
    FILL_COUNT,
    FILLS_AT,
    FILLS_ROOM,
    OTHERS_GROSS,
    OTHERS_WORTH,
    POSITION,
    REVIEWED,
    SYMBOL,
    TRADED,
    TRADED_DAY,
    TRADED_SLOTS,
    WANTED_EVENTS,
    WANTED_FILLS,
    Desk,
    Layout,
    layout,
    ledger_head,
)
from trading.order import NAN, REFUSED, empty_book
from trading.placing import working_count
from trading.risk import Limits
from trading.slippage import trail_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.frictions import Frictions

    # An array when compiled, lists when interpreted; indexed the same way.
    Numbers = Any

# Rows of the board, one value a symbol. The bar of the moment (close NaN: none), whether a session opens or closes
# with it, and the dividend a share that goes ex with it.
(
    OPEN_ROW,
    HIGH_ROW,
    LOW_ROW,
    CLOSE_ROW,
    VOLUME_ROW,
    OPENS_ROW,
    CLOSES_ROW,
    DIVIDEND_ROW,
    MARK_ROW,  # the last price known, 0 before the first
    POSITION_ROW,
    ENTRY_ROW,
    WANTED_ROW,  # the weight or the quantity that the strategy asks for
    SHARE_ROW,  # room to reckon weights in
    LOT_ROW,
    TICK_ROW,
    WORKING_ROW,  # orders in the book
) = range(16)
BOARD_ROWS = 16


class Pool(NamedTuple):
    """A book of orders and a ledger a symbol, the account's own ledger, and the board that all of them look at.

    The account's ledger has the money, the run's options, and the tables of all fills and order events.
    """

    orders: Numbers
    ledgers: Numbers
    account: Numbers
    board: Numbers


class Rooms(NamedTuple):
    """Rows of the account's tables of fills and events, and of a desk's, which hold those of one bar."""

    fills: int
    events: int
    desk_fills: int
    desk_events: int

    def layout(self) -> Layout:
        """The parts of the account's own ledger."""
        return layout(0, self.fills, self.events)


def new_pool(cash: float, instruments: Sequence[Frictions], limits: Limits, rooms: Rooms, *, reviewed: bool) -> Pool:
    """A new account in lists: one of `instruments` is a symbol's lot, tick and costs.

    `reviewed` says that it follows weights or quantities, which the limits cut at reviews; else each order is held
    against them.
    """
    ledgers = []
    for s, frictions in enumerate(instruments):
        where = layout(trail_size(frictions.slippage), rooms.desk_fills, rooms.desk_events)
        own = frictions._replace(limits=Limits() if reviewed else limits)
        ledger = ledger_head(0.0, options_row(own), where)
        ledger[SYMBOL], ledger[REVIEWED] = float(s), float(reviewed)
        ledgers.append(ledger + [0.0] * (where.length - len(ledger)))
    account = ledger_head(cash, options_row(instruments[0]._replace(limits=limits)), rooms.layout())
    account += [0.0] * (rooms.layout().length - len(account))
    board = [[0.0] * len(instruments) for _ in range(BOARD_ROWS)]
    board[CLOSE_ROW] = [NAN] * len(instruments)
    board[LOT_ROW] = [frictions.lot for frictions in instruments]
    board[TICK_ROW] = [frictions.tick for frictions in instruments]
    return Pool([empty_book() for _ in instruments], ledgers, account, board)


def visit(pool: Pool, s: int) -> Desk:
    """The desk of symbol `s` with the account's money on it."""
    desk = Desk(pool.orders[s], pool.ledgers[s])
    account, ledger = pool.account, desk.ledger
    ledger[CASH] = account[CASH]
    ledger[EQUITY] = account[EQUITY]
    if ledger[FEE_KIND] == TIERED:
        for k in range(TRADED, TRADED_DAY + 1 + TRADED_SLOTS):
            ledger[k] = account[k]
    worth = ledger[POSITION] * pool.board[MARK_ROW][s]
    ledger[OTHERS_WORTH] = account[OTHERS_WORTH] - worth
    ledger[OTHERS_GROSS] = account[OTHERS_GROSS] - abs(worth)
    return desk


def hand_back(pool: Pool, s: int, desk: Desk) -> None:
    """Bring the money back, and take what was written down at the desk over into the account's tables."""
    account, ledger, board = pool.account, desk.ledger, pool.board
    account[CASH] = ledger[CASH]
    if ledger[FEE_KIND] == TIERED:
        for k in range(TRADED, TRADED_DAY + 1 + TRADED_SLOTS):
            account[k] = ledger[k]
    worth = ledger[POSITION] * board[MARK_ROW][s]
    account[OTHERS_WORTH] = ledger[OTHERS_WORTH] + worth
    account[OTHERS_GROSS] = ledger[OTHERS_GROSS] + abs(worth)
    board[POSITION_ROW][s] = ledger[POSITION]
    board[ENTRY_ROW][s] = ledger[ENTRY]
    board[WORKING_ROW][s] = working_count(desk.orders)
    if ledger[FILL_COUNT] > 0.0:
        account[WANTED_FILLS] = max(account[WANTED_FILLS], ledger[FILL_COUNT])
        move_rows(account, ledger, FILL_COUNT, FILLS_AT, FILLS_ROOM, FILL_COLUMNS)
    if ledger[EVENT_COUNT] > 0.0:
        account[WANTED_EVENTS] = max(account[WANTED_EVENTS], ledger[EVENT_COUNT])
        move_rows(account, ledger, EVENT_COUNT, EVENTS_AT, EVENTS_ROOM, EVENT_COLUMNS)


def move_rows(account: Numbers, ledger: Numbers, count: int, begins: int, room: int, columns: int) -> None:
    """Move a desk's rows of one table behind the account's own; those beyond the room are counted only."""
    written, there = int(ledger[count]), int(account[count])
    kept = min(written, int(ledger[room]), max(0, int(account[room]) - there))
    source, target = int(ledger[begins]), int(account[begins]) + there * columns
    for k in range(kept * columns):
        account[target + k] = ledger[source + k]
    account[count] = there + written
    ledger[count] = 0.0


def has_bar(pool: Pool, s: int) -> bool:
    """Whether symbol `s` has a bar at this moment."""
    close = pool.board[CLOSE_ROW][s]
    return bool(close == close)  # noqa: PLR0124 - NaN: none


def count_orders(pool: Pool) -> None:
    """Look which books a strategy has written to; a place refused for want of room counts as an order."""
    for s in range(len(pool.orders)):
        pool.board[WORKING_ROW][s] = working_count(pool.orders[s]) + pool.orders[s][REFUSED]


def mark(pool: Pool, row: int) -> None:
    """Value every position at this moment's open or close, at its last known price where it has no bar."""
    board = pool.board
    for s in range(len(pool.orders)):
        if board[row][s] == board[row][s]:  # NaN: no bar
            board[MARK_ROW][s] = board[row][s]
    revalue(pool)


def revalue(pool: Pool) -> None:
    """Add up equity, the worth of all positions, and the same whatever their side."""
    account, board = pool.account, pool.board
    equity, net, gross = account[CASH], 0.0, 0.0
    for s in range(len(pool.orders)):
        if board[POSITION_ROW][s] != 0.0:
            worth = board[POSITION_ROW][s] * board[MARK_ROW][s]
            equity += worth
            net += worth
            gross += abs(worth)
    account[EQUITY] = equity
    account[OTHERS_WORTH] = net
    account[OTHERS_GROSS] = gross
