"""What a day earned, by strategy and symbol, out of fills and prices alone.

A book's profit is the change of its position's value at the last prices, plus what sales brought, less what purchases
cost, less fees; days add up to the whole. A price is the close of the last bar, or that of the last fill where a symbol
has no bars.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from pi5_pipelines.trading_day.fills import DayFill

ZERO = Decimal(0)
BPS = Decimal(10_000)


class BookOfDay(msgspec.Struct, frozen=True, kw_only=True):
    """One strategy (empty: people's orders) on one symbol: the day's money, and what it holds at the end.

    `realised` is what closed positions earned against their average cost, fees apart. `slippage_bps` is all slippage
    over all value at decision prices.
    """

    strategy: str
    symbol: str
    currency: str
    fills: int
    bought: Decimal
    sold: Decimal
    pnl: Decimal
    realised: Decimal
    fees: Decimal
    slippage: Decimal
    slippage_bps: float | None
    position: Decimal
    price: Decimal | None


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All books of a currency together, with fees that other books paid in it."""

    currency: str
    pnl: Decimal
    realised: Decimal
    fees: Decimal
    slippage: Decimal


@dataclass(slots=True)
class _Book:
    currency: str
    position: Decimal = ZERO
    average: Decimal = ZERO
    fills: int = 0
    bought: Decimal = ZERO
    sold: Decimal = ZERO
    pnl: Decimal = ZERO
    realised: Decimal = ZERO
    fees: Decimal = ZERO
    slippage: Decimal = ZERO
    decided: Decimal = ZERO


class Profit:
    """The fold; what does not count moves positions and prices all the same."""

    def __init__(self) -> None:
        self._books: dict[tuple[str, str], _Book] = {}
        self._prices: dict[str, Decimal] = {}
        self._has_bars: set[str] = set()
        self._foreign_fees: dict[str, Decimal] = {}

    def price(self, symbol: str, price: Decimal, *, counts: bool, of_bar: bool = True) -> None:
        """A new price of a symbol."""
        if of_bar:
            self._has_bars.add(symbol)
        elif symbol in self._has_bars:
            return
        before = self._prices.get(symbol, price)
        self._prices[symbol] = price
        for (_, held), book in self._books.items():
            if counts and held == symbol:
                book.pnl += book.position * (price - before)

    def fill(self, fill: DayFill, *, counts: bool) -> None:
        """A fill, each once."""
        self.price(fill.symbol, fill.price, counts=counts, of_bar=False)
        book = self._books.setdefault((fill.strategy, fill.symbol), _Book(fill.currency))
        closed = min(abs(book.position), fill.quantity) if book.position * fill.signed < 0 else ZERO
        earned = closed * (fill.price - book.average) * (1 if book.position > 0 else -1)
        opened = fill.quantity - closed
        if opened:
            held = ZERO if closed else abs(book.position)
            book.average = (book.average * held + fill.price * opened) / (held + opened)
        book.position += fill.signed
        if counts:
            self._count(book, fill, earned)

    def of_day(self) -> list[BookOfDay]:
        """Every book that traded or holds something, by strategy and symbol."""
        return [
            self._told(strategy, symbol, book)
            for (strategy, symbol), book in sorted(self._books.items())
            if book.fills or book.position or book.pnl
        ]

    def totals(self) -> list[Total]:
        """The books of each currency together."""
        currencies = sorted({book.currency for book in self._books.values()} | set(self._foreign_fees))
        return [self._total(currency) for currency in currencies]

    def _count(self, book: _Book, fill: DayFill, earned: Decimal) -> None:
        value = fill.quantity * fill.price
        book.fills += 1
        book.bought += value if fill.side == "buy" else ZERO
        book.sold += value if fill.side == "sell" else ZERO
        book.realised += earned
        book.pnl += fill.signed * (self._prices[fill.symbol] - fill.price)
        if fill.fee_currency == book.currency:
            book.fees += fill.fee
            book.pnl -= fill.fee
        else:
            self._foreign_fees[fill.fee_currency] = self._foreign_fees.get(fill.fee_currency, ZERO) + fill.fee
        if fill.slippage is not None and fill.decision_price is not None:
            book.slippage += fill.slippage
            book.decided += fill.quantity * fill.decision_price

    def _told(self, strategy: str, symbol: str, book: _Book) -> BookOfDay:
        return BookOfDay(
            strategy=strategy,
            symbol=symbol,
            currency=book.currency,
            fills=book.fills,
            bought=book.bought,
            sold=book.sold,
            pnl=book.pnl,
            realised=book.realised,
            fees=book.fees,
            slippage=book.slippage,
            slippage_bps=float(book.slippage / book.decided * BPS) if book.decided else None,
            position=book.position,
            price=self._prices.get(symbol),
        )

    def _total(self, currency: str) -> Total:
        books = [book for book in self._books.values() if book.currency == currency]
        foreign = self._foreign_fees.get(currency, ZERO)
        return Total(
            currency=currency,
            pnl=sum((book.pnl for book in books), ZERO) - foreign,
            realised=sum((book.realised for book in books), ZERO),
            fees=sum((book.fees for book in books), ZERO) + foreign,
            slippage=sum((book.slippage for book in books), ZERO),
        )
