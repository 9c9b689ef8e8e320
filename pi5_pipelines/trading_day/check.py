"""Whether live strategies traded a day as the backtester does on the same bars, and every trade where they did not."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import Event, OrderFilled
from pi5_pipelines.trading_day.journal_days import day_of
from pi5_pipelines.trading_day.orders import Orders
from pi5_pipelines.trading_day.pairing import Difference, pair
from pi5_pipelines.trading_day.replay import Replay
from pi5_pipelines.trading_day.trade import Trade, exact, trade_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

FACTS = {
    "OrderDenied": "orders that risk denied",
    "CancelRequested": "orders cancelled by hand",
    "KillSwitchSet": "uses of the kill switch",
    "StrategyStopped": "strategies that were stopped",
}


class ReplayCheck(msgspec.Struct, frozen=True, kw_only=True):
    """A day's outcome; `day` is the UTC day of the wall clock in which the engine saw the bars.

    `agreed` are pairs of trades that are equal, `difference` the sum of what the others are apart in cash, each as a
    size. `facts` were taken from the journal, by what they are. `unchecked` are strategies that could not be traded
    again, and why; `raised` those that raised an error here and not there. `by_hand` are fills of people's orders,
    which no backtest has.
    """

    day: str
    bars: int
    live: int
    simulated: int
    agreed: int
    by_hand: int
    difference: Decimal
    differences: list[Difference]
    facts: dict[str, int]
    unchecked: list[str]
    raised: list[str]

    @property
    def good(self) -> bool:
        """Whether every trade was checked and agrees."""
        return not (self.differences or self.unchecked or self.raised)

    @property
    def sentence(self) -> str:
        """The outcome for people."""
        if not (self.live or self.simulated or self.unchecked or self.raised):
            return "no strategy traded, and none should have"
        told = [f"{self.agreed:,} of {self.live:,} live trades are those of the backtester"]
        if self.differences:
            found = f"{len(self.differences):,} difference{'s' if len(self.differences) > 1 else ''}"
            told.append(f"{found}, together {self.difference.normalize():f} in cash")
        return "; ".join([*told, *self.unchecked, *self.raised])


class _Live:
    """Passes events on, and keeps what was filled of strategies' orders on the day."""

    def __init__(self, day: date) -> None:
        self.day = day
        self.trades: list[Trade] = []
        self.by_hand = 0
        self._orders = Orders()

    def watch(self, events: Iterable[Event]) -> Iterator[tuple[Event, bool]]:
        for event in events:
            counts = day_of(event.wall_ns) == self.day
            order = self._orders.take(event)
            if counts and order is not None and isinstance(event.body, OrderFilled):
                if order.intent.strategy:
                    self.trades.append(trade_of(order.intent, event.body))
                else:
                    self.by_hand += 1
            yield event, counts


def replay_check(events: Iterable[Event], day: date) -> ReplayCheck:
    """The check of a day over all events up to its end."""
    live, replay = _Live(day), Replay()
    simulated = [trade for trade, counts in replay.run(live.watch(events)) if counts]
    traded = {one.key for one in live.trades}
    unchecked = {key: why for key, why in replay.unchecked.items() if key in traded}
    checked = [one for one in live.trades if one.key not in unchecked]
    lots = {key: exact(desk.terms.lot) for key, desk in replay.desks.items()}
    agreed, differences = pair(checked, simulated, replay.starts, lots)
    apart = {one.key for found in differences for one in (found.live, found.simulated) if one}
    return ReplayCheck(
        day=day.isoformat(),
        bars=replay.bars,
        live=len(live.trades),
        simulated=len(simulated),
        agreed=agreed,
        by_hand=live.by_hand,
        difference=sum((abs(one.cash) for one in differences), Decimal(0)),
        differences=differences,
        facts={FACTS[name]: count for name, count in sorted(replay.facts.items()) if count},
        unchecked=sorted(unchecked.values()),
        raised=[
            f"strategy {key[0]} on {key[1]} raised here: {error}"
            for key, (error, counts) in sorted(replay.raised.items())
            if counts or key in apart
        ],
    )
