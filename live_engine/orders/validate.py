"""What of a new order can be refused without knowing the account: its own shape, and what it says of other orders.

Numbers lie on the instrument's grid and have at most MAX_WHOLE digits before the point and MAX_PLACES behind it, so no
sum or product of them is ever rounded (exact.py) and none is a bomb of exponents. An id has 1 to 32 of the ASCII
letters, digits, dot, underscore and hyphen: what every venue takes, where two that look alike are alike, and what needs
no escaping in an address. The colon is the engine's own, for the orders by which it replaces others (contingency.py).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from live_engine.orders.exact import EXACT
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from live_engine.events import OrderIntent
    from live_engine.orders.book import OrderBook
    from trading.instrument import Instrument

MAX_WHOLE = 15
MAX_PLACES = 12
SHOWN = 40  # characters of a wrong value
NEW_ID = re.compile(r"[A-Za-z0-9._-]{1,32}")
KNOWN_ID = re.compile(r"[A-Za-z0-9._-]{1,32}(:[0-9]{1,9})?")
ID_HINT = "use 1 to 32 of the letters A-Z and a-z, digits, dot, underscore and hyphen"
FLATTEN = "flatten"  # begins the ids of the orders by which the kill switch closes positions
# How the engine's own ids begin. One that is taken already would end the strategy that comes to want it.
ENGINES_OWN = tuple(f"{name}-" for name in (*strategies.names(), FLATTEN))

# The prices that a type of order has; it has all of these and no other.
PRICES = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("stop_price", "limit_price"),
    "trailing_stop": ("trail",),
}
AT_ONCE = ("ioc", "fok")  # what fills now or never cannot wait for a stop


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: the field, its value (shortened), what is wrong with it, and how to mend it."""

    field: str
    value: str
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.field} {self.value!r} {self.what} ({self.hint})"


def problem(field: str, value: object, what: str, hint: str) -> Problem:
    """A problem whose value is short enough to show."""
    text = "" if value is None else str(value)
    return Problem(field, text if len(text) <= SHOWN else text[: SHOWN - 3] + "...", what, hint)


def problems(intent: OrderIntent, instrument: Instrument) -> tuple[Problem, ...]:
    """Everything that is wrong with an order in itself; none: an empty tuple."""
    found = [*_name_problems(intent)]
    if intent.symbol != instrument.symbol:
        found.append(problem("symbol", intent.symbol, "is not the instrument's", f"use {instrument.symbol}"))
    if intent.currency != instrument.currency:
        hint = f"{instrument.symbol} is quoted in {instrument.currency}"
        found.append(problem("currency", intent.currency, "is not the instrument's", hint))
    found += number_problems("quantity", intent.quantity, instrument.lot, "lot")
    found += _price_problems(intent, instrument)
    if intent.time_in_force in AT_ONCE and intent.order_type not in ("market", "limit"):
        what = f"does not go with {intent.order_type}"
        found.append(problem("time_in_force", intent.time_in_force, what, 'use "day" or "gtc" with stops'))
    return tuple(found)


def number_problems(field: str, value: Decimal, step: Decimal, step_name: str) -> Iterator[Problem]:
    """What is wrong with a number that must be above zero and a multiple of a step; at most one problem."""
    if not value.is_finite():
        yield problem(field, value, "is no number", 'send a plain decimal such as "12.50"')
    elif len(value.as_tuple().digits) > MAX_WHOLE + MAX_PLACES or _exponent(value) < -MAX_PLACES:
        yield problem(field, value, "has too many digits", f"use at most {MAX_PLACES} decimals")
    elif value.adjusted() >= MAX_WHOLE:
        yield problem(field, value, "is too large", f"stay below 1{'0' * MAX_WHOLE}")
    elif value <= 0:
        yield problem(field, value, "is not above zero", "send what is above zero; the side says buy or sell")
    elif EXACT.remainder(value, step) != 0:
        below = EXACT.multiply(EXACT.divide_int(value, step), step)
        near = f"{below} or {EXACT.add(below, step)}" if below > 0 else f"{step}"
        yield problem(field, value, f"is not a multiple of the {step_name} {step}", f"use {near}")


def family_problems(intent: OrderIntent, book: OrderBook) -> tuple[Problem, ...]:
    """What is wrong with the orders that an order names: its parent, its group, and the one that it replaces."""
    return (*_parent_problems(intent, book), *_replace_problems(intent, book), *_group_problems(intent, book))


def _exponent(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0


def _name_problems(intent: OrderIntent) -> Iterator[Problem]:
    own = intent.client_order_id
    if not NEW_ID.fullmatch(own):
        yield problem("client_order_id", own, "is not an id that orders may have", ID_HINT)
    elif own.startswith(ENGINES_OWN) and not intent.strategy:
        hint = "begin it with something else than the name of a strategy"
        yield problem("client_order_id", own, "is one that the engine may give to an order of its own", hint)
    for field in ("parent", "replaces"):
        value = getattr(intent, field)
        if value and not KNOWN_ID.fullmatch(value):
            yield problem(field, value, "cannot be the id of an order", ID_HINT)
        elif value and value == own:
            yield problem(field, value, "is the order itself", "name another order, or none")
    for field in ("group", "strategy"):
        value = getattr(intent, field)
        if value and not NEW_ID.fullmatch(value):
            yield problem(field, value, "is not a name that can be used here", ID_HINT)


def _price_problems(intent: OrderIntent, instrument: Instrument) -> Iterator[Problem]:
    wanted = PRICES[intent.order_type]
    right = True
    for field in ("limit_price", "stop_price", "trail"):
        value: Decimal | None = getattr(intent, field)
        if value is None and field in wanted:
            right = False
            yield problem(field, value, "is missing", f"a {intent.order_type} order needs it")
        elif value is not None and field not in wanted:
            right = False
            yield problem(field, value, f"does not belong to a {intent.order_type} order", "leave it out")
        elif value is not None:
            for found in number_problems(field, value, instrument.tick_size, "tick"):
                right = False
                yield found
    if right and intent.limit_price is not None and intent.stop_price is not None:
        buys = intent.side == "buy"
        if (intent.limit_price < intent.stop_price) if buys else (intent.limit_price > intent.stop_price):
            what = f"cannot fill where stop_price {intent.stop_price} triggers"
            hint = f"a {intent.side} has its limit at its stop or {'above' if buys else 'below'}"
            yield problem("limit_price", intent.limit_price, what, hint)


def _parent_problems(intent: OrderIntent, book: OrderBook) -> Iterator[Problem]:
    if not intent.parent:
        return
    parent = book.orders.get(intent.parent)
    if parent is None:
        yield problem("parent", intent.parent, "is not known", "send the entry before its exits")
    elif parent.intent.parent:
        yield problem("parent", intent.parent, "is an exit itself", "name the entry")
    elif parent.intent.symbol != intent.symbol:
        yield problem("parent", intent.parent, f"trades {parent.intent.symbol}", "name an order of the same symbol")
    elif not intent.replaces and not any(one.is_open for one in book.chain(parent.id)) and not parent.cumulative:
        yield problem(
            "parent", intent.parent, f"has ended as {parent.status} without a fill", "send the exit by itself"
        )


def _replace_problems(intent: OrderIntent, book: OrderBook) -> Iterator[Problem]:
    if not intent.replaces:
        return
    old = book.orders.get(intent.replaces)
    if old is None:
        yield problem("replaces", intent.replaces, "is not known", "send a new order instead")
    elif not old.is_open:
        yield problem("replaces", intent.replaces, f"has ended as {old.status}", "send a new order instead")
    elif any(book.orders[one].is_open for one in book.family.successors(old.id) if one in book.orders):
        yield problem("replaces", intent.replaces, "is being replaced already", "wait for the answer")
    elif (old.intent.symbol, old.intent.side) != (intent.symbol, intent.side):
        what = f"is to {old.intent.side} {old.intent.symbol}"
        yield problem("replaces", intent.replaces, what, "keep symbol and side, or cancel it and send a new order")
    elif (old.intent.parent, old.intent.group) != (intent.parent, intent.group):
        what = f"has parent {old.intent.parent!r} and group {old.intent.group!r}"
        yield problem("replaces", intent.replaces, what, "keep both")
    elif intent.quantity.is_finite() and intent.quantity <= old.cumulative:
        hint = "the quantity is that of the whole chain; cancel the order to keep what has filled"
        yield problem("quantity", intent.quantity, f"has filled already: {old.cumulative}", hint)


def _group_problems(intent: OrderIntent, book: OrderBook) -> Iterator[Problem]:
    for other in book.group(intent.group):
        if other.intent.symbol != intent.symbol:
            what = f"holds orders of {other.intent.symbol}"
            yield problem("group", intent.group, what, "one group is of one symbol")
            return
