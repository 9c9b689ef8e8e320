"""Risk as it stands on the floor: the facts that the rules look at, put together at the moment of a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING

from live_engine.risk import check as risk
from live_engine.risk import loss
from live_engine.risk.view import LastPrice, RiskView, with_orders

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from live_engine.events import KillSwitchSet, OrderDenied, OrderIntent
    from live_engine.money import Money
    from live_engine.paper.hand import HandDesk
    from live_engine.restore import State
    from live_engine.risk.limits import RiskLimits

PRICES_NS = 60_000_000_000  # how long after a start the account is not valued while something held has no price yet


class Judge:
    """Says no to orders, and to trading at all once too much is lost; `wall` is UTC, `clock` never steps back."""

    def __init__(
        self,
        state: State,
        money: Money,
        hand: HandDesk,
        limits: RiskLimits,
        symbols: Collection[str],
        *,
        wall: Callable[[], int],
        clock: Callable[[], int],
    ) -> None:
        self._state, self._money, self._hand = state, money, hand
        self._limits, self._symbols = limits, frozenset(symbols)
        self._wall, self._clock = wall, clock
        self._prices_due_ns = clock() + PRICES_NS

    def found(self, intent: OrderIntent) -> risk.Denied | None:
        """Why an order is not to be sent; None when it may be."""
        now_ns = self._state.risk.clock.now(self._wall())
        return risk.check(intent, self._view(now_ns), self._limits, now_ns)

    def denied(self, intent: OrderIntent) -> OrderDenied | None:
        """The same as it is written down."""
        found = self.found(intent)
        return None if found is None else risk.denied(intent, found)

    def is_priced(self) -> bool:
        """Whether the account can be valued: just after a start some prices have yet to come."""
        return self._clock() >= self._prices_due_ns or self._money.is_priced(self._symbols)

    def lost(self) -> KillSwitchSet | None:
        """What is to be thrown because too much is lost by now; None when that is not so, or was done."""
        remembered = self._state.risk
        if not remembered.marks.day or not self.is_priced():
            return None
        equity, marks = self._money.equity(), remembered.marks
        view = RiskView(
            equity=equity,
            start_of_day_equity=marks.start_of_day,
            peak_equity=max(marks.peak, equity),
            kill=remembered.switch.action,
        )
        return loss.breach(view, self._limits)

    def _view(self, now_ns: int) -> RiskView:
        remembered, mono_ns = self._state.risk, self._clock()
        equity, marks = self._money.equity(), remembered.marks
        by_strategies, by_hand = self._state.broker.working(), self._hand.sums()
        return RiskView(
            equity=equity,
            start_of_day_equity=marks.start_of_day if marks.day else equity,
            peak_equity=max(marks.peak, equity),
            symbols=self._symbols,
            positions=self._money.held(),
            working=(*by_strategies, *self._hand.working()),
            summed=with_orders(by_hand, by_strategies) if by_strategies else by_hand,
            prices={
                symbol: LastPrice(seen.price, now_ns - (mono_ns - seen.came_ns) if seen.came_ns else seen.ts_ns)
                for symbol, seen in remembered.prices.items()
            },
            kill=remembered.switch.action,
            counts=remembered.counts,
            recent=remembered.recent,
        )
