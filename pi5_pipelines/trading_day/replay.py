"""The bars that live strategies saw, traded once more by the backtester's account.

Only what an account cannot know is taken from the journal: orders that risk denied, orders cancelled by hand, the kill
switch, and strategies that were stopped. All else the account must find again by itself.

The engine tells a bar, then what came of it; what it told of denials and stops is known here before the bar is traded.
An order is called `strategy-symbol-second-n` there: the bar that it was decided on, and its number among that bar's.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from live_engine.events import (
    BarClosed,
    CancelRequested,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderDenied,
    StrategyStarted,
    StrategyStopped,
)
from pi5_pipelines.errors import ReplayError
from pi5_pipelines.trading_day.recorded import account_of, terms_of
from pi5_pipelines.trading_day.trade import Trade, exact
from trading.bar import Bar
from trading.timeframe import DAY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from live_engine.events import AnyBody, Event
    from trading.order import Order

NS = 1_000_000_000
VENUE = "paper"  # the rule of what the account itself refuses: not a fact, but for it to find again
STRENGTH = {"": 0, "halt": 1, "cancel-all": 2, "flatten": 3}
NOBODY = ("", "risk")  # who cannot re-arm the kill switch
Key = tuple[str, str]


class ReplayDesk:
    """One strategy on one symbol from one start on; `error` is what it raised with its last bar."""

    def __init__(self, started: StrategyStarted, warm: Sequence[BarClosed]) -> None:
        self.key: Key = (started.strategy, started.symbol)
        self.terms = terms_of(started)
        self.error = ""
        self._account = account_of(started, self.terms)
        self._last_ns = -(2**63)
        self._broken = False
        self._names: dict[str, int] = {}
        for bar in warm:
            self._last_ns = bar.ts_ns
            self._account.warm(_plain(bar))

    def takes(self, bar: BarClosed) -> bool:
        """Whether a bar is one of its own that it has not seen."""
        return (bar.symbol, bar.timeframe) == (self.key[1], self.terms.timeframe) and bar.ts_ns > self._last_ns

    def on_bar(self, bar: BarClosed, denied: Collection[str]) -> Iterator[Trade]:
        """Trade a bar; `denied` names the orders that were not to be sent."""
        if self._broken:
            return
        before_ns, self._last_ns = self._last_ns, bar.ts_ns

        def gate(placed: Sequence[Order]) -> list[int]:
            return self._refused(bar, placed, denied)

        was_stopped = self._account.stopped
        try:
            self._account.on_bar(_plain(bar), opens=self._opens(bar, before_ns), closes=self._closes(bar), gate=gate)
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self.error = f"{type(error).__name__}: {error}"
            self._broken = was_stopped or not self._account.stopped
            self._account.stopped = True
        there = {order.id for order in self._account.orders()}
        self._names = {name: order for name, order in self._names.items() if order in there}
        for event in self._account.happened():
            if event.kind == "trade":
                yield Trade(
                    strategy=self.key[0],
                    symbol=self.key[1],
                    ts_ns=start_of(bar),
                    side="buy" if event.quantity > 0.0 else "sell",
                    quantity=exact(abs(event.quantity)),
                    price=exact(event.price),
                    fee=exact(event.fee),
                )

    def stop(self) -> None:
        """Let it decide no more."""
        if not self._account.stopped:
            self._account.stop()

    def cancel(self, name: str) -> bool:
        """End an order; whether it is one of its own."""
        order = self._names.get(name)
        if order is None or self._broken:
            return False
        self._account.cancel_order(order)
        return True

    def kill(self, action: str) -> None:
        """Obey the kill switch."""
        if action == "flatten" and not self._broken:
            self._account.flatten()
        elif action == "cancel-all" and not self._broken:
            self._account.cancel_orders()

    def _refused(self, bar: BarClosed, placed: Sequence[Order], denied: Collection[str]) -> list[int]:
        strategy, symbol = self.key
        refused = []
        for number, order in enumerate(sorted(placed, key=lambda one: one.id), start=1):
            name = f"{strategy}-{symbol}-{bar.ts_ns // NS}-{number}"
            self._names[name] = order.id
            if name in denied:
                refused.append(order.id)
        return refused

    def _opens(self, bar: BarClosed, before_ns: int) -> bool:
        day_ns = DAY_SECONDS * NS
        return self.terms.length_s >= DAY_SECONDS or bar.ts_ns // day_ns != before_ns // day_ns

    def _closes(self, bar: BarClosed) -> bool:
        end_s = bar.ts_ns // NS + self.terms.length_s
        return self.terms.length_s >= DAY_SECONDS or end_s % DAY_SECONDS == self.terms.session_ends_s % DAY_SECONDS


class Replay:
    """The fold: events in, trades out, each beside the wall time of its bar.

    `facts` counts what was taken from the journal, by the wall time's day as `take` was told; `unchecked` says of a
    strategy why it is not traded again, `raised` what one raised here and not there. `starts` are the bars that count,
    and one before them; `bars` counts each bar that counts and that a strategy traded.
    """

    def __init__(self) -> None:
        self.desks: dict[Key, ReplayDesk] = {}
        self.unchecked: dict[Key, str] = {}
        self.raised: dict[Key, tuple[str, bool]] = {}
        self.facts: Counter[str] = Counter()
        self.starts: dict[Key, list[int]] = {}
        self.bars = 0
        self._kill = ""
        self._warm: dict[Key, list[BarClosed]] = {}
        self._bar: tuple[BarClosed, bool] | None = None
        self._upon: list[AnyBody] = []

    def run(self, events: Iterable[tuple[Event, bool]]) -> Iterator[tuple[Trade, bool]]:
        """All trades of the events; the flag that comes with an event comes back with its bar's trades."""
        for event, counts in events:
            body = event.body
            if isinstance(body, (BarClosed, CancelRequested, KillSwitchRearmed, KillSwitchSet, StrategyStarted)):
                yield from self._catch_up()
                self._act(body, counts=counts)
            elif isinstance(body, (OrderDenied, StrategyStopped)):
                self._upon.append(body)
                is_fact = isinstance(body, StrategyStopped) or body.rule != VENUE
                self.facts[type(body).__name__] += counts and is_fact
        yield from self._catch_up()

    def _act(self, body: AnyBody, *, counts: bool) -> None:
        if isinstance(body, BarClosed):
            if body.strategy:
                self._warm.setdefault((body.strategy, body.symbol), []).append(body)
            else:
                self._bar = (body, counts)
        elif isinstance(body, StrategyStarted):
            self._start(body)
        elif isinstance(body, CancelRequested):
            found = [desk.cancel(body.client_order_id) for desk in self.desks.values()]
            self.facts["CancelRequested"] += counts and any(found)
        elif isinstance(body, KillSwitchSet):
            self.facts["KillSwitchSet"] += counts
            if STRENGTH[body.action] > STRENGTH[self._kill]:
                self._kill = body.action
                for desk in self.desks.values():
                    desk.kill(body.action)
        elif isinstance(body, KillSwitchRearmed) and body.actor.strip() not in NOBODY:
            self._kill = ""

    def _start(self, started: StrategyStarted) -> None:
        key = (started.strategy, started.symbol)
        warm = self._warm.pop(key, [])
        self.desks.pop(key, None)
        self.unchecked.pop(key, None)
        self.raised.pop(key, None)
        try:
            self.desks[key] = ReplayDesk(started, warm)
        except ReplayError as error:
            self.unchecked[key] = str(error)
        except Exception as error:  # noqa: BLE001 - a strategy may raise anything
            self.unchecked[key] = f"strategy {key[0]} on {key[1]}: it raised while it warmed up: {error}"

    def _catch_up(self) -> Iterator[tuple[Trade, bool]]:
        bar, upon = self._bar, self._upon
        self._bar, self._upon = None, []
        if bar is not None:
            denied = {one.client_order_id for one in upon if isinstance(one, OrderDenied) and one.rule != VENUE}
            for desk in self.desks.values():
                if desk.takes(bar[0]):
                    self._note(desk.key, start_of(bar[0]), counts=bar[1])
                    for trade in desk.on_bar(bar[0], denied):
                        yield trade, bar[1]
                    if desk.error:
                        self.raised[desk.key], desk.error = (desk.error, bar[1]), ""
        for one in upon:
            if isinstance(one, StrategyStopped):
                self._stop((one.strategy, one.symbol))

    def _note(self, key: Key, start: int, *, counts: bool) -> None:
        starts = self.starts.setdefault(key, [])
        if not counts and len(starts) == 1:
            starts.clear()
        starts.append(start)
        self.bars += counts

    def _stop(self, key: Key) -> None:
        self._warm.pop(key, None)
        self.raised.pop(key, None)
        if key in self.desks:
            self.desks[key].stop()


def start_of(bar: BarClosed) -> int:
    """When a bar began, as fills of paper accounts tell it: to the microsecond."""
    return bar.ts_ns // 1_000 * 1_000


def _plain(bar: BarClosed) -> Bar:
    """The rulebook's form of a bar."""
    numbers = (float(bar.open), float(bar.high), float(bar.low), float(bar.close), float(bar.volume))
    return Bar(bar.ts_ns // 1_000, *numbers)
