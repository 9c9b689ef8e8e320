"""The paper broker: strategies on closed bars, traded by the rulebook that backtests follow, so both give the same.

It is a fold: the same bars lead to the same orders under the same names. What it answers goes into the journal, and
out of the journal it comes back as it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from live_engine.events import (
    BarClosed,
    Body,
    CancelRequested,
    Decided,
    KillAction,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    StrategyStarted,
    StrategyStopped,
)
from live_engine.paper.desk import DeskState, StrategyDesk
from live_engine.paper.orders import VENUE
from live_engine.paper.settings import check_strategies
from live_engine.risk.kill_switch import is_stronger, may_rearm

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from live_engine.paper.desk import Check
    from live_engine.paper.settings import Key, StrategySettings
    from live_engine.risk.view import WorkingOrder

ACTS = (BarClosed, CancelRequested, KillSwitchRearmed, KillSwitchSet, StrategyStarted)  # on the accounts
OTHERWISE = "the journal tells of other decisions than its present code and settings make"


class _State(msgspec.Struct, frozen=True, array_like=True):
    kill: KillAction | Literal[""]
    desks: list[tuple[str, str, DeskState]]


class PaperBroker:
    """All strategies that trade on paper, each with an account of its own; `kill` is how far the kill switch is on."""

    def __init__(self, settings: Sequence[StrategySettings]) -> None:
        check_strategies(settings)
        self.kill: KillAction | Literal[""] = ""
        self.desks: dict[Key, StrategyDesk] = {one.key: StrategyDesk(one) for one in settings}

    def start(self, key: Key, history: Iterable[BarClosed], *, anew: bool = False) -> list[Body]:
        """Warm a strategy up by the last bars of the past (oldest first), and let it trade from the next one on.

        Nothing happens to one that runs already, nor to one that was stopped, unless it is to begin `anew`: with the
        money of its settings and nothing held.
        """
        desk = self.desks[key]
        if desk.account.stopped != anew or (desk.started and not anew):
            return []
        if desk.account.stopped:
            desk = self.desks[key] = StrategyDesk(desk.settings)
        keep = desk.settings.warm_up_bars
        return desk.start([bar for bar in history if desk.takes(bar)][-keep:] if keep else [])

    def on_bar(self, bar: BarClosed, check: Check | None = None) -> list[Body]:
        """Let every strategy trade a closed bar; answers the bar, then what they did. Nothing for one seen before.

        `check` says of an order that a strategy wants why it is not to be sent, None when it is.
        """
        takers = [desk for desk in self.desks.values() if desk.started and desk.takes(bar) and bar.ts_ns > desk.last_ns]
        told: list[Body] = [bar] if takers else []
        for desk in takers:
            told += desk.on_bar(bar, check)
        return told

    def on_kill(self, action: KillAction) -> dict[Key, list[Body]]:
        """Throw the kill switch, and answer what that does to each account; nothing when it is on that far already."""
        if not is_stronger(action, self.kill):
            return {}
        self.kill = action
        return {key: desk.on_kill(action) for key, desk in self.desks.items()}

    def cancel(self, client_order_id: str) -> dict[Key, list[Body]]:
        """Cancel an order by hand, of whichever strategy it is."""
        return {key: desk.cancel(client_order_id) for key, desk in self.desks.items()}

    def on_request(self, body: KillSwitchSet | CancelRequested) -> dict[Key, list[Body]]:
        """What a request of the journal does, as `on_kill` or `cancel`."""
        return self.on_kill(body.action) if isinstance(body, KillSwitchSet) else self.cancel(body.client_order_id)

    def rearm(self) -> None:
        """Let entries be sent again: strategies go on with what they decide next, and enter nothing by themselves."""
        self.kill = ""

    def working(self) -> list[WorkingOrder]:
        """The orders of all strategies that may still fill."""
        return [order for desk in self.desks.values() for order in desk.working()]

    def stop(self, key: Key, reason: str = "") -> list[Body]:
        """Let a strategy decide no more."""
        return self.desks[key].stop(reason)

    def state(self) -> bytes:
        """All accounts, to be kept beside the number of the last event that they hold."""
        return msgspec.msgpack.encode(_State(self.kill, [(*key, desk.state()) for key, desk in self.desks.items()]))

    def resume(self, state: bytes) -> list[Key]:
        """Go on from a state; strategies that are no longer in the settings are left out.

        Answers those that have other settings now: they are not to go on as if nothing had happened.
        """
        changed: list[Key] = []
        kept = msgspec.msgpack.decode(state, type=_State)
        self.kill = kept.kill
        for name, symbol, desk_state in kept.desks:
            desk = self.desks.get((name, symbol))
            if desk is not None:
                desk.resume(desk_state)
                if desk.identity() != desk_state.settings:
                    changed.append(desk.settings.key)
        return changed


class _Refold:
    """Feeds the journal's bodies to a broker, and keeps what the broker says until the journal says it too."""

    def __init__(self, broker: PaperBroker) -> None:
        self._broker = broker
        self._ids: dict[str, Key] = {}
        self._bar: BarClosed | None = None
        self._upon: list[Body] = []  # what the journal tells after the bar: denials among it are facts to the account
        self.owed: dict[Key, list[Body]] = {key: [] for key in broker.desks}

    def take(self, body: Body) -> None:
        """The next body of the journal."""
        if isinstance(body, ACTS):
            self.catch_up()
        if isinstance(body, BarClosed):
            self._bar = body
        elif isinstance(body, (KillSwitchSet, CancelRequested)):
            for key, told in self._broker.on_request(body).items():
                self._say(key, told)
        elif isinstance(body, KillSwitchRearmed):
            if may_rearm(body.actor):
                self._broker.rearm()
        elif isinstance(body, StrategyStarted) and (body.strategy, body.symbol) in self._broker.desks:
            self._start(body)
        elif self._bar is not None:
            self._upon.append(body)
        else:
            self._compare(body)

    def catch_up(self) -> None:
        """Trade the bar that was taken last, now that all the journal tells of it is known."""
        bar, upon = self._bar, self._upon
        self._bar, self._upon = None, []
        if bar is not None:
            denied = {one.client_order_id: one for one in upon if isinstance(one, OrderDenied) and one.rule != VENUE}
            self._trade(bar, lambda intent: denied.get(intent.client_order_id))
        for body in upon:
            self._compare(body)

    def _compare(self, body: Body) -> None:
        if not self._expected(body):
            self._unexpected(body)

    def _trade(self, bar: BarClosed, check: Check) -> None:
        for key, desk in self._broker.desks.items():
            if not desk.takes(bar):
                continue
            if not bar.strategy:
                self._say(key, desk.on_bar(bar, check))
            elif bar.strategy == key[0]:
                if desk.account.stopped:
                    desk = self._broker.desks[key] = StrategyDesk(desk.settings)  # noqa: PLW2901 - it begins anew
                self._say(key, desk.warm(bar))

    def _start(self, body: StrategyStarted) -> None:
        key = (body.strategy, body.symbol)
        desk = self._broker.desks[key]
        if desk.account.stopped:
            desk = self._broker.desks[key] = StrategyDesk(desk.settings)
        desk.started = True
        if body.params != desk.params:
            self.diverged(key)

    def _say(self, key: Key, bodies: list[Body]) -> None:
        self.owed[key] += bodies
        for body in bodies:
            if isinstance(body, OrderIntent):
                self._ids[body.client_order_id] = key

    def _expected(self, body: Body) -> bool:
        for owed in self.owed.values():
            if body in owed:
                owed.remove(body)
                return True
        return False

    def _unexpected(self, body: Body) -> None:
        if isinstance(body, (Decided, OrderIntent)):
            key = (body.strategy, body.symbol)
            if key in self._broker.desks:
                self.diverged(key)
        elif isinstance(body, OrderFilled) and body.client_order_id in self._ids:
            self.diverged(self._ids[body.client_order_id])
        elif isinstance(body, StrategyStopped) and (body.strategy, body.symbol) in self._broker.desks:
            key = (body.strategy, body.symbol)
            if body.error:
                self.owed[key].clear()  # what it would do today, it did not do then
            told = self._broker.stop(key, body.error)
            self._say(key, [one for one in told if one != body])

    def diverged(self, key: Key) -> None:
        """Stop a strategy whose past cannot be made again."""
        if not self._broker.desks[key].account.stopped:
            self.owed[key] = self._broker.stop(key, OTHERWISE)


def restored(
    settings: Sequence[StrategySettings], bodies: Iterable[Body], state: bytes | None = None
) -> tuple[PaperBroker, list[Body]]:
    """The broker as the journal's bodies leave it (those after `state`, if one is given), and what the journal lacks.

    The latter is what was decided but not yet written down when the engine died: it is to be journalled now, and
    nothing of it is there already. A strategy whose code, parameters or costs now lead to other orders than the
    journal holds is stopped, and the others go on.
    """
    broker = PaperBroker(settings)
    refold = _Refold(broker)
    for key in broker.resume(state) if state is not None else []:
        refold.diverged(key)
    for body in bodies:
        refold.take(body)
    refold.catch_up()
    return broker, [body for owed in refold.owed.values() for body in owed]
