"""A paper account on many symbols, fed their bars as they come, and traded by the very rules of a backtest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.errors import StrategyError
from trading.ledger import (
    CASH,
    EQUITY,
    EVENT_COLUMNS,
    EVENT_COUNT,
    EVENT_SYMBOL,
    EVENTS_AT,
    FILL_COUNT,
    RUINED,
)
from trading.order import EMPTY, STATE, Order, order_of, slots
from trading.paper import EVENT_ROOM, OrderEvent, event_of
from trading.pool import (
    CLOSE_ROW,
    CLOSES_ROW,
    DIVIDEND_ROW,
    HIGH_ROW,
    LOW_ROW,
    OPEN_ROW,
    OPENS_ROW,
    POSITION_ROW,
    VOLUME_ROW,
    WANTED_ROW,
    Rooms,
    count_orders,
    new_pool,
)
from trading.pool_session import close_bar, open_bar
from trading.rebalancing import Schedule, is_review
from trading.review import follow_quantities, follow_weights, portfolio_of
from trading.risk import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trading.bar import Bar
    from trading.frictions import Frictions
    from trading.strategy import Strategy


class PaperPortfolio:
    """An account and a strategy over many symbols; `instruments` holds each symbol's lot, tick and costs."""

    def __init__(
        self,
        strategy: Strategy,
        params: Mapping[str, float],
        instruments: Sequence[Frictions],
        cash: float,
        *,
        limits: Limits = Limits(),  # noqa: B008 - a tuple
        schedule: Schedule = Schedule(),  # noqa: B008 - a tuple
    ) -> None:
        if not strategy.many_symbols:
            raise StrategyError(strategy.name, "trades one symbol; this account trades many")
        self._strategy = strategy
        self._params = strategy.params(params)
        self._state = [0.0] * strategy.memory(self._params, len(instruments))
        self._schedule = schedule
        rows = EVENT_ROOM * len(instruments)
        rooms = Rooms(0, rows, 0, EVENT_ROOM)
        self.pool = new_pool(cash, instruments, limits, rooms, reviewed=not strategy.places_orders)
        self._bars, self._last_us = 0, 0

    @property
    def cash(self) -> float:
        """Money that is in no position."""
        return float(self.pool.account[CASH])

    @property
    def equity(self) -> float:
        """Cash and every position at its last close."""
        return float(self.pool.account[EQUITY])

    @property
    def positions(self) -> list[float]:
        """Quantity held of every symbol, below zero when short."""
        return list(self.pool.board[POSITION_ROW])

    def orders(self, symbol: int) -> list[Order]:
        """The orders in a symbol's book, in the order of their slots."""
        book = self.pool.orders[symbol]
        return [order_of(book, slot) for slot in slots(book) if book[slot + STATE] != EMPTY]

    def on_bars(
        self,
        bars: Sequence[Bar],
        *,
        opens: Sequence[bool] | None = None,
        closes: Sequence[bool] | None = None,
        dividends: Sequence[float] | None = None,
        next_us: int = 0,
    ) -> list[tuple[int, OrderEvent]]:
        """Trade one moment's closed bars, one a symbol (close NaN: none), and ask the strategy.

        `opens` and `closes` say where a session begins or ends (all, unless given), `dividends` are money a share,
        `next_us` is when the next bar opens, as far as a calendar tells. Answers what happened to orders, by symbol.
        """
        pool, i, now_us = self.pool, self._bars, bars[0].ts_us
        pool.account[EVENT_COUNT] = pool.account[FILL_COUNT] = 0.0
        for s, bar in enumerate(bars):
            pool.board[OPEN_ROW][s], pool.board[HIGH_ROW][s] = bar.open, bar.high
            pool.board[LOW_ROW][s], pool.board[CLOSE_ROW][s] = bar.low, bar.close
            pool.board[VOLUME_ROW][s] = bar.volume
            pool.board[OPENS_ROW][s] = 1.0 if opens is None else float(opens[s])
            pool.board[CLOSES_ROW][s] = 1.0 if closes is None else float(closes[s])
            pool.board[DIVIDEND_ROW][s] = 0.0 if dividends is None else dividends[s]
        open_bar(pool, i, now_us, self._last_us, False)
        if pool.account[RUINED] < 0.0:
            self._ask(bars, next_us)
        close_bar(pool, i, now_us, False)
        self._bars, self._last_us = i + 1, now_us
        rows = pool.account[int(pool.account[EVENTS_AT]) :]
        found = []
        for at in range(0, int(pool.account[EVENT_COUNT]) * EVENT_COLUMNS, EVENT_COLUMNS):
            row = rows[at : at + EVENT_COLUMNS]
            found.append((int(row[EVENT_SYMBOL]), event_of(row)))
        return found

    def _ask(self, bars: Sequence[Bar], next_us: int) -> None:
        pool, strategy = self.pool, self._strategy
        if strategy.trade_all is not None:
            strategy.trade_all(self._state, self._params, bars, portfolio_of(pool), pool.orders)
            count_orders(pool)
            return
        asked = False
        if strategy.allocate is not None:
            asked = strategy.allocate(self._state, self._params, bars, pool.board[POSITION_ROW], pool.board[WANTED_ROW])
        elif strategy.hold is not None:
            asked = strategy.hold(self._state, self._params, bars, portfolio_of(pool), pool.board[WANTED_ROW])
        if is_review(self._schedule, self._bars, bars[0].ts_us, next_us, asked):
            if strategy.allocate is not None:
                follow_weights(pool)
            else:
                follow_quantities(pool)
