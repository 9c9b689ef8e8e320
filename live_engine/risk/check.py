"""All rules before an order, in a stated order; the first that refuses is the answer.

An exit is an order that can only make a position smaller: one that only reduces, or one that stays within what is held
even when everything that works fills in the worst way. Most rules let exits pass, for a rule against risk must not keep
anybody from lowering it:

rule               exits
numbers            denied as well
kill_switch        pass, at every strength
symbol             pass
hours              pass: the venue knows best whether it is open
clock_offset       pass
stale_price        pass
order_quantity     pass up to what is held
order_notional     pass up to what is held
price_collar       denied as well: a wrong price costs as much on the way out; an order at market passes
self_cross         denied as well; an order at market passes
duplicate          denied as well, so that nothing is sold twice; one that only reduces passes under the kill switch
position_quantity  pass, unless a working order that turns the position counts on what they close
position_notional  pass, likewise
gross_exposure     pass, likewise
daily_loss         pass
drawdown           pass
orders_per_second  pass, and count
orders_per_minute  pass, and count
orders_per_day     pass, and count

The state that the rules read is folded before the next order is looked at: an allowed order must be in `working`, in
the counts and among the recent ones by then.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from live_engine.events import OrderDenied, OrderIntent
from live_engine.risk import crossing, duplicates, exposure, kill_switch, loss, market, price, rate, size
from live_engine.risk.limits import RiskLimits
from live_engine.risk.reach import is_exit
from live_engine.risk.view import RiskView

if TYPE_CHECKING:
    from collections.abc import Iterator

Refusal = Callable[[OrderIntent, RiskView, RiskLimits, int], "str | None"]


class Rule(NamedTuple):
    """A rule's name, what it says of an order (None: nothing), which orders it is asked about, and how to mend it."""

    name: str
    refusal: Refusal
    about: Literal["all", "entries"]
    hint: str


class Denied(msgspec.Struct, frozen=True):
    """Why an order is not sent: the rule, the reason with its numbers, and what to do."""

    rule: str
    reason: str
    hint: str


def _limit(key: str) -> str:
    return f"ask for less, or raise live.risk.{key} in pi5.toml"


RULES = (
    Rule("numbers", size.numbers, "all", "give finite numbers and a quantity above 0"),
    Rule(
        "kill_switch", kill_switch.kill_switch, "entries", "exits pass; `live-engine kill rearm` allows entries again"
    ),
    Rule("symbol", market.symbol_allowed, "entries", "live.risk.symbols in pi5.toml names them"),
    Rule("hours", market.trading_hours, "entries", "wait, or change live.risk.hours in pi5.toml"),
    Rule("clock_offset", market.clock_offset, "entries", "see that the clock is kept right: chronyc tracking"),
    Rule("stale_price", market.stale_price, "entries", "see whether its stream of prices is connected"),
    Rule("order_quantity", size.order_quantity, "all", _limit("max_order_quantity")),
    Rule("order_notional", size.order_notional, "all", _limit("max_order_notional")),
    Rule("price_collar", price.price_collar, "all", "look at the price again, or send it at market"),
    Rule("self_cross", crossing.self_cross, "all", "cancel that order first"),
    Rule("duplicate", duplicates.duplicate, "all", "if it is meant, send it again a little later"),
    Rule("position_quantity", exposure.position_quantity, "all", "cancel what works, or ask for less"),
    Rule("position_notional", exposure.position_notional, "all", "cancel what works, or ask for less"),
    Rule("gross_exposure", exposure.gross_exposure, "all", "cancel what works, or ask for less"),
    Rule("daily_loss", loss.daily_loss, "entries", "exits pass; `live-engine kill rearm` counts losses anew"),
    Rule("drawdown", loss.drawdown, "entries", "exits pass; `live-engine kill rearm` counts losses anew"),
    Rule("orders_per_second", rate.per_second, "entries", "send it again a little later"),
    Rule("orders_per_minute", rate.per_minute, "entries", "send it again a little later"),
    Rule("orders_per_day", rate.per_day, "entries", "entries pass again after midnight UTC"),
)


def check(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> Denied | None:
    """The first refusal, None when the order may be sent; `now_ns` is UTC."""
    return next(_refusals(order, view, limits, now_ns), None)


def denied(order: OrderIntent, found: Denied) -> OrderDenied:
    """What is written down of a refusal."""
    return OrderDenied(client_order_id=order.client_order_id, rule=found.rule, reason=f"{found.reason} ({found.hint})")


def _refusals(order: OrderIntent, view: RiskView, limits: RiskLimits, now_ns: int) -> Iterator[Denied]:
    exits: bool | None = None
    for rule in RULES:
        if rule.about == "entries":
            exits = is_exit(view, order) if exits is None else exits
            if exits:
                continue
        reason = rule.refusal(order, view, limits, now_ns)
        if reason is not None:
            yield Denied(rule.name, reason, rule.hint)
