"""A paper account whose strategy does what a test tells it, bar by bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.bar import Bar
from trading.frictions import Frictions
from trading.paper import OrderEvent, PaperAccount
from trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Callable, MutableSequence, Sequence

    from trading.account import Account
    from trading.order import Book

    Act = Callable[[Book], object]

DAY_US = 86_400_000_000


class Scripted:
    """An account with `cash`; `bar` feeds the next daily bar, after whose close `act` may place orders."""

    def __init__(self, frictions: Frictions | None = None, cash: float = 10_000.0) -> None:
        self._act: Act | None = None
        self._count = 0
        strategy = Strategy(name="scripted", source="", memory=lambda _params, _symbols: 1, trade=self._trade)
        self.account = PaperAccount(strategy, {}, frictions or Frictions(), cash)

    def _trade(
        self,
        state: MutableSequence[float],  # noqa: ARG002
        params: Sequence[float],  # noqa: ARG002
        bar: Bar,  # noqa: ARG002
        account: Account,  # noqa: ARG002
        orders: Book,
    ) -> None:
        if self._act is not None:
            self._act(orders)

    def bar(
        self,
        prices: tuple[float, float, float, float],
        act: Act | None = None,
        *,
        volume: float = 1e6,
        dividend: float = 0.0,
    ) -> list[tuple[str, float, float]]:
        """Feed open, high, low, close; answers what happened as (kind, quantity, price), or (kind, reason) facts."""
        self._act = act
        bar = Bar(self._count * DAY_US, *prices, volume)
        self._count += 1
        self.events: list[OrderEvent] = self.account.on_bar(bar, dividend=dividend)
        return [(event.kind, event.quantity, event.price) for event in self.events if event.kind != "new"]

    def trades(self) -> list[tuple[float, float]]:
        """Quantity and price of the last bar's fills."""
        return [(event.quantity, event.price) for event in self.events if event.kind == "trade"]

    def reasons(self) -> list[str]:
        """Why orders ended on the last bar."""
        return [event.reason for event in self.events if event.reason]
