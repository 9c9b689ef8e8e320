"""The event loop over bars, written once: numba compiles it for speed, CPython runs it as it stands.

Both loops go through time one bar at a time: fill what was decided before, mark the account, then ask the strategy.
Nothing of a later bar is in reach of a decision, so the live engine can follow every step. What a loop keeps in
mind lies in flat arrays, because compiled code and CPython both take them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trading.bar import Bar, bars_of
from trading.costs import fee, slipped
from trading.position import cash_after, closes_first, resize
from trading.rules import CLOSE, NEXT_OPEN
from trading.sizing import affordable_quantity

if TYPE_CHECKING:
    from collections.abc import Callable

    from trading.rules import Rules

    # An array when compiled, lists when interpreted; indexed the same way.
    Numbers = Any

NAN = float("nan")

# The account: cash, position (one symbol), fills so far, the bar that ruined it (-1: none).
CASH, POSITION, FILLS, RUINED = range(4)
# Rows of the curve; `CURVE_DECISION` is the strategy's own answer, NaN where it has none.
CURVE_EQUITY, CURVE_CASH, CURVE_POSITION, CURVE_DECISION = range(4)
CURVE_ROWS = 4
# Columns of the fills.
FILL_BAR, FILL_SYMBOL, FILL_QUANTITY, FILL_PRICE, FILL_FEE, FILL_SLIPPAGE = range(6)
FILL_COLUMNS = 6
# Rows of the book of many symbols: held quantity, wanted weight, weight still to be traded (NaN: none), last close.
BOOK_POSITION, BOOK_WEIGHT, BOOK_PENDING, BOOK_LAST = range(4)
BOOK_ROWS = 4


class Columns(NamedTuple):
    """Bars by column: one value a bar, or a row of one value a symbol."""

    ts_us: Numbers
    open: Numbers
    high: Numbers
    low: Numbers
    close: Numbers
    volume: Numbers


def settle(fills: Numbers, account: Numbers, i: int, symbol: int, quantity: float, price: float, rules: Rules) -> None:
    """Fill a market order at a bar's `price`: cash moves, and the fill is written down.

    Fills beyond the table's length are counted but not written: the caller sees it and runs again with more room.
    """
    if quantity == 0.0:
        return
    fill_price = slipped(price, quantity, rules.slippage_bps)
    paid = fee(fill_price, quantity, rules.fee_bps)
    account[CASH] = cash_after(account[CASH], quantity, fill_price, paid)
    count = int(account[FILLS])
    if count < len(fills):
        row = fills[count]
        row[FILL_BAR] = i
        row[FILL_SYMBOL] = symbol
        row[FILL_QUANTITY] = quantity
        row[FILL_PRICE] = fill_price
        row[FILL_FEE] = paid
        row[FILL_SLIPPAGE] = abs(quantity * (fill_price - price))
    account[FILLS] = count + 1.0


def trade_to_target(
    fills: Numbers, account: Numbers, i: int, price: float, target: float, lot: float, rules: Rules
) -> None:
    """Bring one symbol to its target at a bar's `price`: close first where the side changes, then open or resize."""
    position = account[POSITION]
    if closes_first(position, target):
        settle(fills, account, i, 0, -position, price, rules)
        position = 0.0
    quantity = resize(rules, lot, position, account[CASH] + position * price, price, target)
    settle(fills, account, i, 0, quantity, price, rules)
    account[POSITION] = position + quantity


def wanted_target(decision: float, before: float, rules: Rules, leave: bool) -> float:  # noqa: FBT001 - numba knows no keyword-only ones
    """The target to aim at: the strategy's decision, unless it has none, may not be short, or must leave."""
    if leave:
        return 0.0
    if decision != decision:  # noqa: PLR0124 - NaN: no opinion yet
        return before
    if rules.long_only and decision < 0.0:
        return 0.0
    return decision


def one_symbol(decide: Callable[..., float]) -> Callable[..., None]:
    """The loop for one symbol; it leaves the account as it stands after the last bar."""

    def run(
        columns: Columns,
        params: Numbers,
        state: Numbers,
        account: Numbers,
        lot: float,
        rules: Rules,
        curve: Numbers,
        fills: Numbers,
    ) -> None:
        bars = len(columns.close)
        target, ordered = 0.0, False
        for i in range(bars):
            close = columns.close[i]
            last = rules.close_at_end and i == bars - 1
            if last and rules.fill_at == NEXT_OPEN:
                # The order to be flat goes out after the bar before, so it fills at the last open.
                target, ordered = 0.0, True
            if ordered:
                trade_to_target(fills, account, i, columns.open[i], target, lot, rules)
                ordered = False
            if account[RUINED] < 0.0:
                bar = Bar(columns.ts_us[i], columns.open[i], columns.high[i], columns.low[i], close, columns.volume[i])
                decision = decide(state, params, bar, account[POSITION])
                curve[CURVE_DECISION][i] = decision
                if account[CASH] + account[POSITION] * close <= 0.0:
                    account[RUINED] = i
                wanted = wanted_target(decision, target, rules, last or account[RUINED] >= 0.0)
                ordered = wanted != target
                target = wanted
                if ordered and (rules.fill_at == CLOSE or account[RUINED] >= 0.0):
                    trade_to_target(fills, account, i, close, target, lot, rules)
                    ordered = False
            curve[CURVE_EQUITY][i] = account[CASH] + account[POSITION] * close
            curve[CURVE_CASH][i] = account[CASH]
            curve[CURVE_POSITION][i] = account[POSITION]

    return run


def many_symbols(allocate: Callable[..., bool]) -> Callable[..., None]:
    """The loop for many symbols on one cash pool; where a bar is missing (close NaN), its trade waits for the next."""

    def run(  # noqa: PLR0913, PLR0917 - compiled code takes no bundles of mixed kinds
        columns: Columns,
        params: Numbers,
        state: Numbers,
        account: Numbers,
        lots: Numbers,
        rules: Rules,
        curve: Numbers,
        fills: Numbers,
        book: Numbers,
    ) -> None:
        for i in range(len(columns.ts_us)):
            row = before_review(columns, i, account, lots, rules, fills, book)
            trade = account[RUINED] < 0.0 and allocate(state, params, row, book[BOOK_POSITION], book[BOOK_WEIGHT])
            after_review(columns, i, account, lots, rules, curve, fills, book, trade)

    return run


def before_review(
    columns: Columns, i: int, account: Numbers, lots: Numbers, rules: Rules, fills: Numbers, book: Numbers
) -> list[Bar]:
    """Fill at bar `i`'s open what was decided before, and show every symbol's bar."""
    if rules.fill_at == NEXT_OPEN:
        if is_last(columns, i, rules):
            order_all(book, rules, True)  # noqa: FBT003
        rebalance(fills, account, i, columns.open[i], lots, rules, book)
    return see_bars(columns, i, book)


def after_review(  # noqa: PLR0913, PLR0917 - as above
    columns: Columns,
    i: int,
    account: Numbers,
    lots: Numbers,
    rules: Rules,
    curve: Numbers,
    fills: Numbers,
    book: Numbers,
    trade: bool,  # noqa: FBT001 - numba knows no keyword-only ones
) -> None:
    """Take the weights over where bar `i` ends with a review, fill what fills at its close, and write it all down."""
    if account[RUINED] < 0.0:
        curve[CURVE_DECISION][i] = 1.0 if trade else 0.0
        if equity_of(account, book) <= 0.0:
            account[RUINED] = i
        leave = is_last(columns, i, rules) or account[RUINED] >= 0.0
        if trade or leave:
            order_all(book, rules, leave)
    if rules.fill_at == CLOSE or account[RUINED] == i:
        rebalance(fills, account, i, columns.close[i], lots, rules, book)
    curve[CURVE_EQUITY][i] = equity_of(account, book)
    curve[CURVE_CASH][i] = account[CASH]
    curve[CURVE_POSITION][i] = curve[CURVE_EQUITY][i] - account[CASH]


def is_last(columns: Columns, i: int, rules: Rules) -> bool:
    """Whether what is held is to be left with bar `i`."""
    return bool(rules.close_at_end and i == len(columns.ts_us) - 1)


def see_bars(columns: Columns, i: int, book: Numbers) -> list[Bar]:
    """Every symbol's bar at one moment, NaN where it has none; the known closes go into the book."""
    row = bars_of(
        columns.ts_us[i], columns.open[i], columns.high[i], columns.low[i], columns.close[i], columns.volume[i]
    )
    for s in range(len(row)):
        if row[s].close == row[s].close:  # NaN: no bar
            book[BOOK_LAST][s] = row[s].close
    return row


def order_all(book: Numbers, rules: Rules, leave: bool) -> None:  # noqa: FBT001 - numba knows no keyword-only ones
    """Take the wanted weights over as what is to be traded; `leave`: everything to flat."""
    for s in range(len(book[BOOK_WEIGHT])):
        book[BOOK_PENDING][s] = wanted_target(book[BOOK_WEIGHT][s], 0.0, rules, leave)


def equity_of(account: Numbers, book: Numbers) -> float:
    """Cash and every position at its last known close."""
    equity = float(account[CASH])
    for s in range(len(book[BOOK_POSITION])):
        if book[BOOK_POSITION][s] != 0.0:
            equity += book[BOOK_POSITION][s] * book[BOOK_LAST][s]
    return equity


def equity_at(account: Numbers, book: Numbers, price: Numbers) -> float:
    """Cash and every position at this moment's price, at its last close where it has none."""
    equity = float(account[CASH])
    for s in range(len(book[BOOK_POSITION])):
        if book[BOOK_POSITION][s] != 0.0:
            known = price[s] == price[s]  # NaN: no bar
            equity += book[BOOK_POSITION][s] * (price[s] if known else book[BOOK_LAST][s])
    return equity


def rebalance(
    fills: Numbers, account: Numbers, i: int, price: Numbers, lots: Numbers, rules: Rules, book: Numbers
) -> None:
    """Trade every symbol that has both a pending weight and a price: sales first, then what their cash can buy."""
    equity = equity_at(account, book, price)
    for buying in (False, True):
        for s in range(len(lots)):
            if book[BOOK_PENDING][s] == book[BOOK_PENDING][s] and price[s] == price[s]:  # NaN: none
                rebalance_one(fills, account, i, s, price[s], lots[s], rules, book, equity, buying)


def rebalance_one(  # noqa: PLR0913, PLR0917 - as above
    fills: Numbers,
    account: Numbers,
    i: int,
    s: int,
    price: float,
    lot: float,
    rules: Rules,
    book: Numbers,
    equity: float,
    buying: bool,  # noqa: FBT001 - as above
) -> None:
    """The part of one symbol's change that sells (or, in the second round, buys)."""
    position, target = book[BOOK_POSITION][s], book[BOOK_PENDING][s]
    if closes_first(position, target) and (position < 0.0) == buying:
        settle(fills, account, i, s, -position, price, rules)
        position = 0.0
        book[BOOK_POSITION][s] = 0.0
    quantity = resize(rules, lot, position, equity, price, target)
    if (quantity > 0.0) and not buying:
        return
    if quantity > 0.0:
        fill_price = slipped(price, quantity, rules.slippage_bps)
        quantity = min(quantity, affordable_quantity(rules, lot, account[CASH], fill_price))
    settle(fills, account, i, s, quantity, price, rules)
    book[BOOK_POSITION][s] = position + quantity
    book[BOOK_PENDING][s] = NAN
