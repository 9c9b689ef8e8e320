"""A paper account: one symbol, fed bars (or ticks) as they come, and traded by the very rules of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from trading.bar import Bar
from trading.broker import close_session, match_bar, take_orders
from trading.contingency import clear, drop, drop_all
from trading.errors import StrategyError
from trading.filling import to_target
from trading.frictions import options_row
from trading.ledger import (
    CANCELED_EVENT,
    CASH,
    EVENT_COLUMNS,
    EVENT_COUNT,
    EVENT_KIND,
    EVENT_LEFT,
    EVENT_ORDER,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_REASON,
    FILL_COLUMNS,
    FILL_COUNT,
    FILL_FEE,
    KINDS,
    POSITION,
    REASONS,
    REQUESTED,
    RUINED,
    Desk,
    Layout,
    layout,
    ledger_head,
)
from trading.order import (
    EMPTY,
    ID,
    LIVE_FROM,
    NEXT_ID,
    PARENT,
    PENDING_CANCEL,
    REDUCE_ONLY,
    SIDE,
    STATE,
    TARGET,
    WANTED,
    Order,
    empty_book,
    find_order,
    is_target,
    order_of,
    remaining,
    slots,
)
from trading.order_checks import well_formed
from trading.session import begin, finish, follow_target, leave, view
from trading.slippage import trail_size

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from trading.frictions import Frictions
    from trading.strategy import Strategy

    Gate = Callable[[Sequence[Order]], Collection[int]]

EVENT_ROOM = 1_024  # of one bar: a book of 16 orders cannot have that many
FILL_ROOM = 128  # of one bar: an order fills twice at most, when it turns a position round


class OrderEvent(NamedTuple):
    """What happened to an order: `kind` by FIX ExecType, quantity signed as its side; `left` has not filled yet.

    `fee` is the money that a trade of a paper account on one symbol cost, 0 with every other kind.
    """

    order: int
    kind: str
    reason: str
    quantity: float
    price: float
    left: float
    fee: float = 0.0


class PaperState(NamedTuple):
    """All that a paper account is between two bars, as plain numbers: what it is written down in and restored from."""

    memory: list[float]
    orders: list[float]
    ledger: list[float]
    bars: int
    last: list[float]
    stopped: bool


def event_of(row: Sequence[float]) -> OrderEvent:
    """The readable form of a ledger's row."""
    kind, reason = KINDS[int(row[EVENT_KIND])], REASONS[int(row[EVENT_REASON])]
    return OrderEvent(int(row[EVENT_ORDER]), kind, reason, row[EVENT_QUANTITY], row[EVENT_PRICE], row[EVENT_LEFT])


def told(desk: Desk, where: Layout) -> list[OrderEvent]:
    """The events of a desk's ledger since its counts were set to zero, trades with their fees."""
    ledger = desk.ledger
    end = where.events + int(ledger[EVENT_COUNT]) * EVENT_COLUMNS
    events = [event_of(ledger[at : at + EVENT_COLUMNS]) for at in range(where.events, end, EVENT_COLUMNS)]
    fees = iter(ledger[where.fills + FILL_FEE : where.events : FILL_COLUMNS])
    return [event._replace(fee=next(fees)) if event.kind == "trade" else event for event in events]


class PaperAccount:
    """An account and a strategy that names targets or places orders; the state lies in two flat lists."""

    def __init__(self, strategy: Strategy, params: Mapping[str, float], frictions: Frictions, cash: float) -> None:
        if strategy.decide is None and strategy.trade is None:
            raise StrategyError(strategy.name, "trades many symbols; a paper account trades one")
        self._strategy = strategy
        self._params = strategy.params(params)
        self._state = [0.0] * strategy.memory(self._params, 1)
        self._layout: Layout = layout(trail_size(frictions.slippage), FILL_ROOM, EVENT_ROOM)
        ledger = ledger_head(cash, options_row(frictions), self._layout)
        self.desk = Desk(empty_book(), ledger + [0.0] * (self._layout.length - len(ledger)))
        self._bars = 0
        self._last = Bar(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        # By the strategy after the last bar, whatever became of them, but for those of no known type.
        self.placed: list[Order] = []
        self.stopped = False

    @property
    def cash(self) -> float:
        """Money that is not in the position."""
        return float(self.desk.ledger[CASH])

    @property
    def position(self) -> float:
        """Quantity held, below zero when short."""
        return float(self.desk.ledger[POSITION])

    @property
    def wanted(self) -> float:
        """The target that is in force, 0 where the strategy places orders itself."""
        return float(self.desk.orders[WANTED])

    def orders(self) -> list[Order]:
        """The orders in the book, in the order of their slots."""
        book = self.desk.orders
        return [order_of(book, slot) for slot in slots(book) if book[slot + STATE] != EMPTY]

    def warm(self, bar: Bar) -> None:
        """Show the strategy a bar of the past: it learns from it as a flat account would, and nothing is traded.

        Orders that it places go into a book that is thrown away; their ids are not given out again.
        """
        if self._strategy.trade is not None:
            book = empty_book()
            book[NEXT_ID] = self.desk.orders[NEXT_ID]
            self._strategy.trade(self._state, self._params, bar, view(self.desk, bar.close), book)
            self.desk.orders[NEXT_ID] = book[NEXT_ID]
        elif self._strategy.decide is not None:
            self._strategy.decide(self._state, self._params, bar, self.position)

    def on_bar(
        self,
        bar: Bar,
        *,
        opens: bool = True,
        closes: bool = True,
        dividend: float = 0.0,
        gate: Gate | None = None,
    ) -> list[OrderEvent]:
        """Trade one closed bar and ask the strategy; answers what happened to orders since the bar before.

        `opens` and `closes` say that a session begins or ends with it; `dividend` is money a share, ex at this bar.
        `gate` is shown the orders that the strategy has placed and answers the ids of those that are not to be sent:
        they leave the book with their exits. What the strategy raises is raised, with the account stopped as by
        `stop`; `happened` tells what came of it.
        """
        desk, i, before = self.desk, self._bars, self._last
        self._bars, self._last, self.placed = i + 1, bar, []
        desk.ledger[EVENT_COUNT] = desk.ledger[FILL_COUNT] = 0.0
        begin(desk, i, float(bar.ts_us), float(before.ts_us), before.close, dividend)
        match_bar(desk, i, bar, opens, True)
        if closes:
            close_session(desk, i, bar)
        if desk.ledger[RUINED] < 0.0:
            try:
                if not self.stopped:
                    self._ask(bar)
                    self._keep_back(gate(self.placed) if gate and self.placed else ())
            except Exception:
                self._withdraw()
                raise
            finally:
                finish(desk, i, bar, False)
        return self.happened()

    def stop(self) -> list[OrderEvent]:
        """Ask the strategy no more; answers what happened to orders.

        Those that could open or enlarge the position are cancelled. Its exits go on working, bar by bar.
        """
        self._begin_telling()
        self._withdraw()
        take_orders(self.desk, self._bars - 1, self._last.close)
        return self.happened()

    def cancel_order(self, order_id: int) -> list[OrderEvent]:
        """End one order at once, and the exits that wait for it; answers what happened."""
        self._begin_telling()
        slot = find_order(self.desk.orders, order_id)
        if slot > 0:
            drop(self.desk, max(0, self._bars - 1), slot, CANCELED_EVENT, REQUESTED)
        return self.happened()

    def cancel_orders(self) -> list[OrderEvent]:
        """End every order at once, protective stops too; answers what happened to them."""
        self._begin_telling()
        drop_all(self.desk, max(0, self._bars - 1), REQUESTED)
        return self.happened()

    def flatten(self) -> list[OrderEvent]:
        """End every order, and leave the position at the next price; answers what happened to orders."""
        self._begin_telling()
        last = max(0, self._bars - 1)
        leave(self.desk, last, last + 1, REQUESTED)
        return self.happened()

    def signed_quantity(self, order: Order) -> float:
        """What an order of the book still trades, signed as its side; for a target as it would be at the last price."""
        orders = self.desk.orders
        slot = find_order(orders, order.id)
        if slot == 0:
            return 0.0
        if is_target(orders, slot):
            if orders[slot + TARGET] == 0.0:
                return -self.position
            return to_target(self.desk, slot, self._last.close)
        return float(orders[slot + SIDE] * remaining(orders, slot))

    def happened(self) -> list[OrderEvent]:
        """What happened to orders with the last bar, in order."""
        return told(self.desk, self._layout)

    def state(self) -> PaperState:
        """The account as it stands after a bar."""
        parts = (self._state, self.desk.orders, self.desk.ledger[: self._layout.fills], self._last)
        memory, orders, ledger, last = ([float(value) for value in part] for part in parts)
        ledger[EVENT_COUNT] = ledger[FILL_COUNT] = 0.0  # what happened was told
        return PaperState(memory, orders, ledger, self._bars, last, self.stopped)

    def resume(self, state: PaperState) -> None:
        """Go on from a state that an account of the same strategy, parameters and frictions was in."""
        self._state[:] = state.memory
        self.desk.orders[:] = state.orders
        self.desk.ledger[: self._layout.fills] = state.ledger
        self._bars, self.stopped, self.placed = state.bars, state.stopped, []
        self._last = Bar(int(state.last[0]), *state.last[1:])

    def _ask(self, bar: Bar) -> None:
        desk = self.desk
        account = view(desk, bar.close)
        if self._strategy.trade is not None:
            self._strategy.trade(self._state, self._params, bar, account, desk.orders)
        elif self._strategy.decide is not None:
            follow_target(desk.orders, account, self._strategy.decide(self._state, self._params, bar, account.position))
        self.placed = [
            order_of(desk.orders, slot)
            for slot in slots(desk.orders)
            if desk.orders[slot + STATE] != EMPTY
            and desk.orders[slot + LIVE_FROM] == 0.0
            and well_formed(desk.orders, slot)
        ]

    def _begin_telling(self) -> None:
        self.desk.ledger[EVENT_COUNT] = self.desk.ledger[FILL_COUNT] = 0.0
        self.placed = []

    def _keep_back(self, refused: Collection[int]) -> None:
        """Take orders out of the book that were never sent, and the exits that would wait for them."""
        orders = self.desk.orders
        for slot in slots(orders):
            if orders[slot + STATE] != EMPTY and (orders[slot + ID] in refused or orders[slot + PARENT] in refused):
                clear(self.desk, slot)
        self.placed = [order for order in self.placed if find_order(orders, order.id) > 0]

    def _withdraw(self) -> None:
        self.stopped = True
        orders = self.desk.orders
        for slot in slots(orders):
            leaves = is_target(orders, slot) and orders[slot + TARGET] == 0.0
            if orders[slot + STATE] == EMPTY:
                continue
            if orders[slot + LIVE_FROM] == 0.0:
                clear(self.desk, slot)  # half of what it meant to place, perhaps
            elif orders[slot + REDUCE_ONLY] == 0.0 and not leaves:
                orders[slot + STATE] = PENDING_CANCEL
