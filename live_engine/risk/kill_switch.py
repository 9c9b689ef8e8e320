"""The kill switch: halt, cancel-all and flatten, each stronger than the one before it.

Its state is the fold of its events and so outlives the process. A weaker action never takes a stronger one back; only a
person does, by re-arming it. What follows from it is read off the state alone: after a restart it is asked for again,
and what is under way already is not asked for twice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from live_engine.events import Event, KillAction, KillSwitchRearmed, KillSwitchSet, Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from live_engine.events import OrderIntent
    from live_engine.risk.limits import RiskLimits
    from live_engine.risk.view import RiskView, WorkingOrder

AUTOMATIC = "risk"
STRENGTH = {"": 0, "halt": 1, "cancel-all": 2, "flatten": 3}


class KillSwitch(msgspec.Struct, frozen=True):
    """How far it is on ("": not at all), who set it that far, why and when; `nonce` is the last kill file's."""

    action: KillAction | Literal[""] = ""
    actor: str = ""
    reason: str = ""
    since_ns: int = 0
    nonce: str = ""


class Close(NamedTuple):
    """A position, or the rest of one, that is to be closed by an order at market that only reduces."""

    symbol: str
    side: Side
    quantity: Decimal


class Consequences(NamedTuple):
    """The ids of the orders to cancel, and the positions to close."""

    cancel: tuple[str, ...] = ()
    close: tuple[Close, ...] = ()


def fold_switch(switch: KillSwitch, event: Event) -> KillSwitch:
    """The switch after an event; a re-arm by nobody, or by the engine itself, changes nothing but the nonce."""
    body = event.body
    if isinstance(body, KillSwitchSet):
        nonce = body.nonce or switch.nonce
        if not is_stronger(body.action, switch.action):
            return msgspec.structs.replace(switch, nonce=nonce)
        return KillSwitch(body.action, body.actor, body.reason, event.wall_ns, nonce)
    if isinstance(body, KillSwitchRearmed):
        nonce = body.nonce or switch.nonce
        return KillSwitch(nonce=nonce) if may_rearm(body.actor) else msgspec.structs.replace(switch, nonce=nonce)
    return switch


def is_stronger(action: KillAction, than: KillAction | Literal[""]) -> bool:
    """Whether an action goes further than another one."""
    return STRENGTH[action] > STRENGTH[than]


def may_rearm(actor: str) -> bool:
    """Whether somebody may allow trading again: a person with a name, never the rules themselves."""
    return actor.strip() not in ("", AUTOMATIC)


def consequences(switch: KillSwitch, working: Iterable[WorkingOrder], positions: Mapping[str, Decimal]) -> Consequences:
    """What is to be cancelled and closed now; nothing when that is under way.

    When flattening, an order at market that only reduces is left to do so, and what it closes is not closed twice.
    """
    if switch.action in ("", "halt"):
        return Consequences()
    closing: dict[tuple[str, str], Decimal] = {}
    cancel = []
    for order in working:
        held = positions.get(order.symbol)
        if switch.action == "flatten" and held and _closes(order, held):
            key = (order.symbol, order.side)
            closing[key] = closing[key] + order.remaining if key in closing else order.remaining
        else:
            cancel.append(order.client_order_id)
    if switch.action == "cancel-all":
        return Consequences(tuple(cancel))
    close = []
    for symbol, held in sorted(positions.items()):
        side: Side = "sell" if held > 0 else "buy"
        rest = abs(held) - closing.get((symbol, side), held * 0)
        if rest > 0:
            close.append(Close(symbol, side, rest))
    return Consequences(tuple(cancel), tuple(close))


def _closes(order: WorkingOrder, held: Decimal) -> bool:
    at_market = order.order_type == "market" and order.reduce_only and order.resting
    return at_market and (order.side == "sell") == (held > 0)


def kill_switch(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> str | None:
    """No entries while it is on."""
    return f"the kill switch is on: {view.kill}" if view.kill else None
