"""A paper account: one symbol, fed bars (or ticks) as they come, and traded by the very rules of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trading.bar import Bar
from trading.broker import close_session, match_bar
from trading.errors import StrategyError
from trading.frictions import options_row
from trading.ledger import (
    CASH,
    EVENT_COLUMNS,
    EVENT_COUNT,
    EVENT_KIND,
    EVENT_LEFT,
    EVENT_ORDER,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_REASON,
    FILL_COUNT,
    KINDS,
    POSITION,
    REASONS,
    RUINED,
    Desk,
    Layout,
    layout,
    ledger_head,
)
from trading.order import EMPTY, STATE, Order, empty_book, order_of, slots
from trading.session import begin, finish, follow_target, view
from trading.slippage import trail_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trading.frictions import Frictions
    from trading.strategy import Strategy

EVENT_ROOM = 1_024  # of one bar: a book of 16 orders cannot have that many


class OrderEvent(NamedTuple):
    """What happened to an order: `kind` by FIX ExecType, quantity signed as its side; `left` has not filled yet."""

    order: int
    kind: str
    reason: str
    quantity: float
    price: float
    left: float


def event_of(row: Sequence[float]) -> OrderEvent:
    """The readable form of a ledger's row."""
    kind, reason = KINDS[int(row[EVENT_KIND])], REASONS[int(row[EVENT_REASON])]
    return OrderEvent(int(row[EVENT_ORDER]), kind, reason, row[EVENT_QUANTITY], row[EVENT_PRICE], row[EVENT_LEFT])


class PaperAccount:
    """An account and a strategy that names targets or places orders; the state lies in two flat lists."""

    def __init__(self, strategy: Strategy, params: Mapping[str, float], frictions: Frictions, cash: float) -> None:
        if strategy.decide is None and strategy.trade is None:
            raise StrategyError(strategy.name, "trades many symbols; a paper account trades one")
        self._strategy = strategy
        self._params = strategy.params(params)
        self._state = [0.0] * strategy.memory(self._params, 1)
        self._layout: Layout = layout(trail_size(frictions.slippage), 0, EVENT_ROOM)
        ledger = ledger_head(cash, options_row(frictions), self._layout)
        self.desk = Desk(empty_book(), ledger + [0.0] * (self._layout.length - len(ledger)))
        self._bars = 0
        self._last = Bar(0, 0.0, 0.0, 0.0, 0.0, 0.0)

    @property
    def cash(self) -> float:
        """Money that is not in the position."""
        return float(self.desk.ledger[CASH])

    @property
    def position(self) -> float:
        """Quantity held, below zero when short."""
        return float(self.desk.ledger[POSITION])

    def orders(self) -> list[Order]:
        """The orders in the book, in the order of their slots."""
        book = self.desk.orders
        return [order_of(book, slot) for slot in slots(book) if book[slot + STATE] != EMPTY]

    def on_bar(self, bar: Bar, *, opens: bool = True, closes: bool = True, dividend: float = 0.0) -> list[OrderEvent]:
        """Trade one closed bar and ask the strategy; answers what happened to orders since the bar before.

        `opens` and `closes` say that a session begins or ends with it; `dividend` is money a share, ex at this bar.
        """
        desk, i = self.desk, self._bars
        desk.ledger[EVENT_COUNT] = desk.ledger[FILL_COUNT] = 0.0
        begin(desk, i, float(bar.ts_us), float(self._last.ts_us), self._last.close, dividend)
        match_bar(desk, i, bar, opens, True)
        if closes:
            close_session(desk, i, bar)
        if desk.ledger[RUINED] < 0.0:
            account = view(desk, bar.close)
            if self._strategy.trade is not None:
                self._strategy.trade(self._state, self._params, bar, account, desk.orders)
            elif self._strategy.decide is not None:
                decision = self._strategy.decide(self._state, self._params, bar, account.position)
                follow_target(desk.orders, account, decision)
            finish(desk, i, bar, False)
        self._bars, self._last = i + 1, bar
        return self._events()

    def _events(self) -> list[OrderEvent]:
        rows, count = self.desk.ledger[self._layout.events :], int(self.desk.ledger[EVENT_COUNT])
        return [event_of(rows[at : at + EVENT_COLUMNS]) for at in range(0, count * EVENT_COLUMNS, EVENT_COLUMNS)]
