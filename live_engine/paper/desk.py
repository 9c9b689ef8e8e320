"""One strategy on one symbol: a paper account, and what it did with a bar in the words of the journal."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from live_engine.events import BarClosed, Body, Decided, StrategyStarted, StrategyStopped
from live_engine.paper.orders import OrderState, OrderTranslation
from live_engine.paper.settings import StrategySettings  # noqa: TC001 - msgspec reads it at run time
from trading.bar import Bar
from trading.paper import PaperAccount, PaperState
from trading.timeframe import DAY_SECONDS, SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from trading.paper import OrderEvent

SECOND_NS = 1_000_000_000
NEVER_NS = -(2**63)


class DeskState(msgspec.Struct, frozen=True, kw_only=True):
    """A desk between two bars; `settings` are those it was made with, every parameter filled in."""

    settings: StrategySettings
    account: PaperState
    orders: dict[int, OrderState]
    last_ns: int
    started: bool
    broken: bool


class StrategyDesk:
    """A strategy's account, fed closed bars; a bar that is not newer than the last one changes nothing."""

    def __init__(self, settings: StrategySettings) -> None:
        self.settings = settings
        self.params = settings.all_params()
        self.account = PaperAccount(settings.definition(), settings.params, settings.frictions(), settings.cash)
        self.started = False
        self.last_ns = NEVER_NS
        self._broken = False  # the account itself failed: it takes no more bars
        self._orders = OrderTranslation(settings.name, settings.symbol, settings.lot)

    def takes(self, bar: BarClosed) -> bool:
        """Whether a bar is one of its symbol and timeframe."""
        return (bar.symbol, bar.timeframe) == (self.settings.symbol, self.settings.timeframe)

    def warm(self, bar: BarClosed) -> list[Body]:
        """Learn from a bar of the past; answers StrategyStopped if the strategy raised."""
        if self.account.stopped or bar.ts_ns <= self.last_ns:
            return []
        self.last_ns = bar.ts_ns
        try:
            self.account.warm(_plain(bar))
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self.account.stopped = True
            return [self._stopped(_told(error))]
        return []

    def start(self, history: Iterable[BarClosed]) -> list[Body]:
        """Warm up by the bars of the past, oldest first, and trade from the next one on."""
        told: list[Body] = []
        count = 0
        for bar in history:
            if self.takes(bar) and bar.ts_ns > self.last_ns:
                told.append(msgspec.structs.replace(bar, strategy=self.settings.name))
                told += self.warm(bar)
                count += 1
            if self.account.stopped:
                return told
        name, symbol = self.settings.key
        started = StrategyStarted(strategy=name, symbol=symbol, params=self.params, warm_up_bars=count)
        self.started = True
        return [*told, started]

    def on_bar(self, bar: BarClosed) -> list[Body]:
        """Trade a closed bar and let the strategy decide, once."""
        if not self.started or self._broken or not self.takes(bar) or bar.ts_ns <= self.last_ns:
            return []
        before_ns, self.last_ns = self.last_ns, bar.ts_ns
        wanted, was_stopped, error = self.account.wanted, self.account.stopped, ""
        try:
            self.account.on_bar(_plain(bar), opens=self._opens(bar, before_ns), closes=self._closes(bar))
        except Exception as raised:  # noqa: BLE001 - a strategy may raise anything
            error = _told(raised)
            self._broken = was_stopped or not self.account.stopped
            self.account.stopped = True
        self._orders.turn_to(_plain(bar), self.account.placed)
        told = self._told(bar, wanted, self.account.happened())
        if error:
            told.append(self._stopped(error))
        return told

    def stop(self, reason: str = "") -> list[Body]:
        """Let the strategy decide no more; entries are cancelled, exits go on working."""
        if self.account.stopped:
            return []
        told = [self._stopped(reason), *self._orders.bodies(self.account.stop())]
        self._keep_orders()
        return told

    def identity(self) -> StrategySettings:
        """All of the settings that its orders depend on once it has started."""
        return msgspec.structs.replace(self.settings, params=self.params, warm_up_bars=0)

    def state(self) -> DeskState:
        """All that the desk is, to go on from."""
        return DeskState(
            settings=self.identity(),
            account=self.account.state(),
            orders={order: msgspec.structs.replace(one) for order, one in self._orders.live.items()},
            last_ns=self.last_ns,
            started=self.started,
            broken=self._broken,
        )

    def resume(self, state: DeskState) -> None:
        """Go on from a state that a desk of the same settings was in."""
        self.account.resume(state.account)
        self._orders.live = dict(state.orders)
        self.last_ns, self.started, self._broken = state.last_ns, state.started, state.broken

    def _told(self, bar: BarClosed, wanted: float, events: Sequence[OrderEvent]) -> list[Body]:
        """What orders of before did, the decision, what came of the orders placed upon it."""
        new = {order.id for order in self.account.placed} | {0}
        split = next((at for at, event in enumerate(events) if event.order in new), len(events))
        told = self._orders.bodies(events[:split])
        if self.account.wanted != wanted:
            name, symbol = self.settings.key
            told.append(
                Decided(strategy=name, symbol=symbol, bar_ns=bar.ts_ns, target=self.account.wanted, price=bar.close)
            )
        told += self._orders.bodies(events[split:])
        self._keep_orders()
        return told

    def _keep_orders(self) -> None:
        self._orders.keep({order.id for order in self.account.orders()})

    def _stopped(self, error: str) -> StrategyStopped:
        return StrategyStopped(strategy=self.settings.name, symbol=self.settings.symbol, error=error)

    def _opens(self, bar: BarClosed, before_ns: int) -> bool:
        day_ns = DAY_SECONDS * SECOND_NS
        return self._length_s() >= DAY_SECONDS or bar.ts_ns // day_ns != before_ns // day_ns

    def _closes(self, bar: BarClosed) -> bool:
        end_s = bar.ts_ns // SECOND_NS + self._length_s()
        return self._length_s() >= DAY_SECONDS or end_s % DAY_SECONDS == self.settings.session_ends_s % DAY_SECONDS

    def _length_s(self) -> int:
        return SECONDS[self.settings.timeframe]


def _plain(bar: BarClosed) -> Bar:
    """The rulebook's form of a bar."""
    return Bar(
        bar.ts_ns // 1_000, float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume)
    )


def _told(error: Exception) -> str:
    """What was raised, and where."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {error}{place}"
