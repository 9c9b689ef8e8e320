"""What the account is worth: cash and positions of strategies and of orders by hand, at the last prices."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from live_engine.api.views import AccountView, PositionView, rounded
from live_engine.orders.exact import ZERO, minus, plus, times
from live_engine.paper.orders import exact
from live_engine.paper.venue import Means

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from live_engine.restore import State

CENT = Decimal("0.01")
HUNDRED = Decimal(100)


class Money:
    """The account of a state; `hand_cash` is what orders by hand began with."""

    def __init__(self, state: State, hand_cash: float) -> None:
        self._state = state
        self._hand_cash = exact(hand_cash)

    @property
    def hand_cash(self) -> Decimal:
        """The cash that orders by hand have, whatever the currency of their symbols."""
        total = self._hand_cash
        for amount in self._state.books.hand.positions.cash.values():
            total = plus(total, amount)
        return total

    def cash(self) -> Decimal:
        """All cash."""
        total = self.hand_cash
        for desk in self._state.broker.desks.values():
            total = plus(total, exact(desk.account.cash))
        return total

    def held(self) -> dict[str, Decimal]:
        """The signed quantity of each symbol that is held."""
        total = {symbol: one.quantity for symbol, one in self._state.books.hand.positions.by_symbol.items()}
        for (_, symbol), desk in self._state.broker.desks.items():
            if desk.account.position != 0.0:
                total[symbol] = plus(total.get(symbol, ZERO), exact(desk.account.position))
        return {symbol: quantity for symbol, quantity in total.items() if quantity}

    def equity(self) -> Decimal:
        """Cash, and what is held at the last prices; what has no price yet counts what it cost."""
        total = self.cash()
        for symbol, quantity in self.held().items():
            price = self._state.risk.last_price(symbol)
            if price is not None:
                total = plus(total, times(quantity, price))
            elif symbol in self._state.books.hand.positions.by_symbol:
                total = plus(total, self._state.books.hand.positions.by_symbol[symbol].cost)
        return total

    def is_priced(self, symbols: Container[str]) -> bool:
        """Whether all that is held of these symbols has a price: after a restart the first ones come one by one."""
        return all(self._state.risk.last_price(symbol) is not None for symbol in self.held() if symbol in symbols)

    def means(self, symbol: str) -> Means:
        """What an order by hand of a symbol is paid from."""
        worth = gross = 0.0
        for other, one in self._state.books.hand.positions.by_symbol.items():
            price = self._state.risk.last_price(other)
            if other != symbol and price is not None:
                worth += float(one.quantity * price)
                gross += abs(float(one.quantity * price))
        held = self._state.books.hand.positions.quantity(symbol)
        return Means(float(self.hand_cash), float(held), worth, gross)

    def account(self) -> AccountView:
        """The account as it is shown."""
        equity, marks = self.equity(), self._state.risk.marks
        start = marks.start_of_day if marks.day else equity
        peak = max(marks.peak, equity)
        down = minus(peak, equity)
        percent = (down * HUNDRED / peak).quantize(CENT) if peak > 0 else ZERO
        return AccountView(
            currency=self.currency(),
            cash=self.cash(),
            equity=equity,
            day_profit=minus(equity, start),
            drawdown_pct=percent,
            mode="paper",
        )

    def currency(self) -> str:
        """The currency of what was traded; that of most instruments before anything was."""
        for book in (self._state.books.hand, self._state.books.strategies):
            for currency in book.positions.cash:
                return currency
        return "USD"

    def positions(self) -> Sequence[PositionView]:
        """What is held, and what was earned with it."""
        found = []
        for symbol, one in sorted(self._state.books.positions().items()):
            price = self._state.risk.last_price(symbol)
            average = one.average_price
            found.append(
                PositionView(
                    symbol=symbol,
                    currency=one.currency,
                    quantity=one.quantity,
                    average_price=None if average is None else rounded(average),
                    last_price=price,
                    realised=one.realised,
                    unrealised=None if price is None else one.unrealised(price),
                    fees=one.fees,
                )
            )
        return found
