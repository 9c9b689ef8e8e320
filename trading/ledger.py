"""What an account is written down in: money, the run's options, a table of fills, a table of order events.

All of it is one flat run of numbers, so that compiled code and CPython fill the same one. A table that is full is
counted on but not written any further: whoever made it sees the count and runs again with more room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from trading.order import BOOK_LENGTH, FILLED, ID, LIMIT, PARENT, QUANTITY, SIDE, STOP, TYPE

if TYPE_CHECKING:
    from trading.order import Book

    # An array when compiled, lists when interpreted; indexed the same way.
    Numbers = Any

# Money. The first four are those of the plain loop's account.
(
    CASH,
    POSITION,
    FILL_COUNT,
    RUINED,  # the bar at which equity fell to zero, -1: none
    ENTRY,  # average price of the position
    EVENT_COUNT,
    REJECTED_COUNT,
    AMBIGUOUS,  # bars where the order of prices decided
    MARGIN_CALLS,
    STEP,  # bars matched so far, finer ones counted each
    VOLUME,  # of the bar that is being matched
    VOLUME_USED,
    SIGMA,  # standard deviation of a bar's return, from bars before this one
    USUAL_VOLUME,  # mean of bars before this one
    FEES,
    SPREAD,
    SLIPPAGE,
    IMPACT,
    BORROW,
    FUNDING,
    INTEREST,
    DIVIDENDS,
    DEBIT,
    TRADED,  # value traded in the last 30 days
    TRADED_DAY,  # the day of the newest slot below
) = range(25)
TRADED_SLOTS = 30
MONEY_COLUMNS = 25 + TRADED_SLOTS

# The options of the run follow the money.
(
    LOT,
    TICK,
    DAILY,
    LATENCY_BARS,
    LATENCY_US,
    SIZING,
    UNITS,
    FEE_BPS,
    SLIPPAGE_BPS,
    FILL_AT,
    LONG_ONLY,
    CLOSE_AT_END,
    FEE_KIND,
    FEE_RATE,
    FEE_MINIMUM,
    FEE_MAXIMUM,
    FEE_THRESHOLD,  # four, one a tier, as the next two
) = range(MONEY_COLUMNS, MONEY_COLUMNS + 17)
FEE_MAKER = FEE_THRESHOLD + 4
FEE_TAKER = FEE_MAKER + 4
SLIPPAGE_PARTS = FEE_TAKER + 4
VOLUME_LIMIT = SLIPPAGE_PARTS + 5
IMPACT_FACTOR = SLIPPAGE_PARTS + 7
CARRY_PARTS = SLIPPAGE_PARTS + 9
INITIAL_MARGIN, MAINTENANCE_MARGIN, LEVERAGE, CASH_ONLY = range(CARRY_PARTS + 4, CARRY_PARTS + 8)
LIMIT_PARTS = CASH_ONLY + 1  # four, as in risk.Limits
OPTIONS_END = LIMIT_PARTS + 4

# Then where the other parts begin, and how many rows the tables have.
TRAIL_AT, FILLS_AT, EVENTS_AT, FILLS_ROOM, EVENTS_ROOM = range(OPTIONS_END, OPTIONS_END + 5)

# Then what a desk knows of an account that it shares with others (pool.py); zeros where the account is its own.
(
    REVIEWED,  # 1: targets are parts of EQUITY, which is found once for all symbols
    SYMBOL,  # which of the account's instruments it trades
    SIDE_NOW,  # -1: only sales act, 1: only purchases, 0: both
    EQUITY,  # of the account, at the prices that targets are sized by
    OTHERS_WORTH,  # of the other positions, long less short (in the account's own ledger: of all)
    OTHERS_GROSS,  # the same whatever their side
    BOUND_NET,  # the same once the others' working orders have filled, long less short
    BOUND_GROSS,
    BOUND_COUNT,  # how many positions that would be
    CALLED,  # 1 while a margin call is being met
    WANTED_FILLS,  # the most rows that one visit to a desk asked of its tables
    WANTED_EVENTS,
) = range(OPTIONS_END + 5, OPTIONS_END + 17)
SHARED_COLUMNS = 12
SAVED_AT = REVIEWED + SHARED_COLUMNS

# Columns of the fills; the plain loop writes the first six.
FILL_BAR, FILL_SYMBOL, FILL_QUANTITY, FILL_PRICE, FILL_FEE, FILL_SLIPPAGE, FILL_ORDER = range(7)
FILL_COLUMNS = 7

# Columns of the order events.
(
    EVENT_BAR,
    EVENT_ORDER,
    EVENT_KIND,
    EVENT_REASON,
    EVENT_TYPE,
    EVENT_QUANTITY,
    EVENT_PRICE,
    EVENT_LEFT,
    EVENT_PARENT,
    EVENT_SYMBOL,
) = range(10)
EVENT_COLUMNS = 10

# What happens to an order, by the names of FIX ExecType (tag 150).
KINDS = ("new", "trade", "triggered", "canceled", "rejected", "expired")
NEW_EVENT, TRADE, TRIGGERED_EVENT, CANCELED_EVENT, REJECTED_EVENT, EXPIRED_EVENT = range(6)

# Why.
REASONS = (
    "",
    "quantity is not a number above zero, or worth more than 1e15",
    "quantity is not a multiple of the lot",
    "a price is missing, zero or below, or not finite",
    "a price is not a multiple of the tick",
    "no such order type, side or time in force, or they do not go together",
    "reduce-only, but there is nothing to reduce",
    "would sell short, and only long positions are allowed",
    "not enough money for the margin",
    "the book of working orders is full",
    "its parent order is not in the book",
    "asked for by the strategy",
    "another order of its group filled",
    "its parent order is gone",
    "the position is closed",
    "not enough volume at once",
    "the session ended",
    "its price was not met",
    "margin call",
    "the account is ruined",
    "the bars end",
    "nothing to trade",
    "over the limit of one symbol",
    "over the limit of all positions",
    "over the limit of long less short positions",
    "over the limit of the number of positions",
)
(
    NO_REASON,
    BAD_QUANTITY,
    BAD_LOT,
    BAD_PRICE,
    BAD_TICK,
    BAD_KIND,
    WOULD_OPEN,
    WOULD_SHORT,
    NO_FUNDS,
    BOOK_FULL,
    NO_PARENT,
    REQUESTED,
    SIBLING,
    PARENT_GONE,
    POSITION_CLOSED,
    NO_VOLUME,
    SESSION_ENDED,
    NOT_MET,
    MARGIN_CALL,
    ACCOUNT_RUINED,
    BARS_END,
    NOTHING,
    OVER_LIMIT,  # four, in the order of risk.OVER_WEIGHT and following
) = range(23)


class Desk(NamedTuple):
    """All that changes while one account trades one symbol: the book of orders (order.py) and the ledger.

    The ledger holds, in this order: money (above), the options (frictions.py), where its tables begin, a copy of book
    and money to come back to, the windows of volatility and volume, the fills, the events.
    """

    orders: Numbers
    ledger: Numbers


class Layout(NamedTuple):
    """Where the parts of a ledger begin, in numbers, and how many rows its tables have."""

    trail: int
    fills: int
    events: int
    fill_room: int
    event_room: int
    length: int


def layout(windows: int, fill_room: int, event_room: int) -> Layout:
    """The parts of a ledger with `windows` numbers of windows and so many rows in its tables."""
    trail = SAVED_AT + BOOK_LENGTH + MONEY_COLUMNS
    fills = trail + windows
    events = fills + fill_room * FILL_COLUMNS
    return Layout(trail, fills, events, fill_room, event_room, events + event_room * EVENT_COLUMNS)


def ledger_head(cash: float, options: list[float], where: Layout) -> list[float]:
    """The beginning of a new ledger: so much cash, nothing held, the options, and where its parts are."""
    money = [0.0] * MONEY_COLUMNS
    money[CASH] = cash
    money[RUINED] = -1.0
    return [*money, *options, *(float(place) for place in where[:5]), *([0.0] * SHARED_COLUMNS)]


def write_event(desk: Desk, i: int, slot: int, kind: int, reason: int, quantity: float, price: float) -> None:
    """Write down what happened to an order at bar `i`; the quantity is signed as the order's side."""
    orders, ledger = desk.orders, desk.ledger
    count = int(ledger[EVENT_COUNT])
    if count < ledger[EVENTS_ROOM]:
        at = int(ledger[EVENTS_AT]) + count * EVENT_COLUMNS
        ledger[at + EVENT_BAR] = i
        ledger[at + EVENT_ORDER] = orders[slot + ID]
        ledger[at + EVENT_KIND] = kind
        ledger[at + EVENT_REASON] = reason
        ledger[at + EVENT_TYPE] = orders[slot + TYPE]
        ledger[at + EVENT_QUANTITY] = orders[slot + SIDE] * quantity
        ledger[at + EVENT_PRICE] = price
        ledger[at + EVENT_LEFT] = max(0.0, orders[slot + QUANTITY] - orders[slot + FILLED])
        ledger[at + EVENT_PARENT] = orders[slot + PARENT]
        ledger[at + EVENT_SYMBOL] = ledger[SYMBOL]
    ledger[EVENT_COUNT] = count + 1.0
    if kind == REJECTED_EVENT:
        ledger[REJECTED_COUNT] += 1.0


def write_refused(desk: Desk, i: int, price: float) -> None:
    """Write down an order that found no place in the book."""
    ledger = desk.ledger
    count = int(ledger[EVENT_COUNT])
    if count < ledger[EVENTS_ROOM]:
        at = int(ledger[EVENTS_AT]) + count * EVENT_COLUMNS
        for column in range(EVENT_COLUMNS):
            ledger[at + column] = 0.0
        ledger[at + EVENT_BAR] = i
        ledger[at + EVENT_KIND] = REJECTED_EVENT
        ledger[at + EVENT_REASON] = BOOK_FULL
        ledger[at + EVENT_PRICE] = price
        ledger[at + EVENT_SYMBOL] = ledger[SYMBOL]
    ledger[EVENT_COUNT] = count + 1.0
    ledger[REJECTED_COUNT] += 1.0


def asked_price(orders: Book, slot: int) -> float:
    """The price that an order names: its limit, else its stop, NaN for neither."""
    limit = orders[slot + LIMIT]
    return limit if limit == limit else orders[slot + STOP]  # noqa: PLR0124 - NaN: no limit


def write_fill(desk: Desk, i: int, slot: int, quantity: float, price: float, fee: float, slippage: float) -> None:
    """Write down a fill of signed `quantity`; `slippage` is the money lost against the bar's price."""
    ledger = desk.ledger
    count = int(ledger[FILL_COUNT])
    if count < ledger[FILLS_ROOM]:
        at = int(ledger[FILLS_AT]) + count * FILL_COLUMNS
        ledger[at + FILL_BAR] = i
        ledger[at + FILL_SYMBOL] = ledger[SYMBOL]
        ledger[at + FILL_QUANTITY] = quantity
        ledger[at + FILL_PRICE] = price
        ledger[at + FILL_FEE] = fee
        ledger[at + FILL_SLIPPAGE] = slippage
        ledger[at + FILL_ORDER] = desk.orders[slot + ID]
    ledger[FILL_COUNT] = count + 1.0


def save(desk: Desk) -> None:
    """Keep a copy of book and money."""
    orders, ledger = desk.orders, desk.ledger
    for k in range(BOOK_LENGTH):
        ledger[SAVED_AT + k] = orders[k]
    for k in range(MONEY_COLUMNS):
        ledger[SAVED_AT + BOOK_LENGTH + k] = ledger[k]


def restore(desk: Desk) -> None:
    """Come back to the copy; fills and events written since are forgotten with their counts."""
    orders, ledger = desk.orders, desk.ledger
    for k in range(BOOK_LENGTH):
        orders[k] = ledger[SAVED_AT + k]
    for k in range(MONEY_COLUMNS):
        ledger[k] = ledger[SAVED_AT + BOOK_LENGTH + k]
