"""Costs and frictions as people write them: `per-share:0.005:min=1`, `sqrt:1`, `250ms`, read into the rulebook's forms.

A text is a name and values parted by colons. Amounts may be basis points (`5bps`), percent (`0.05%`), or plain numbers.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

from trading.errors import FrictionError
from trading.fees import PER_CONTRACT, PER_SHARE, PERCENT, TIERED, TIERS, Fees
from trading.frictions import Margin
from trading.rebalancing import EVERY_BARS, MONTH_END, WEEKDAY, Schedule
from trading.risk import Limits
from trading.rules import ALL_IN, ALL_IN_FRACTIONAL, UNITS

if TYPE_CHECKING:
    from collections.abc import Collection

FEES_FORMS = (
    "percent:5bps, per-share:0.005:min=1, per-contract:2.25, tiered:2/5:1e6=1/4 (maker/taker bps from a value on)"
)
SPREAD_FORMS = "2bps, 0.01 (in price) or 1tick"
SLIPPAGE_FORMS = "ticks:1 or volume-share:limit=0.025:impact=0.1"
IMPACT_FORMS = "sqrt:1 or sqrt:0.8:bars=20"
LATENCY_FORMS = "1bar, 2bars or 250ms"
LIMITS_FORMS = "weight=25%:gross=100%:net=50%:positions=10"
SCHEDULE_FORMS = "every:5 (bars), month-end or weekday:fri"
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LIMIT_NAMES = frozenset(Limits._fields)
MARGIN_FORMS = "initial=50%:maintenance=25%"
SIZING_FORMS = '"all-in", "all-in-fractional" or "units=N" with N above 0'

MAX_SHARE = 0.5  # of the price: beyond it a number is surely a slip
MIN_BARS, MAX_BARS = 2, 10_000
US_PER_MS = 1_000.0


def parse_sizing(text: str) -> tuple[int, float]:
    """The kind of sizing and its units from a text such as those in SIZING_FORMS; raises FrictionError."""
    if text == "all-in":
        return ALL_IN, 0.0
    if text == "all-in-fractional":
        return ALL_IN_FRACTIONAL, 0.0
    match = re.fullmatch(r"units=(\d+(?:\.\d+)?)", text)
    if match and float(match.group(1)) > 0.0:
        return UNITS, float(match.group(1))
    raise FrictionError(f"sizing {text!r}", f"use {SIZING_FORMS}")


def parse_fees(text: str) -> Fees:
    """Fees from a text such as those in FEES_FORMS; raises FrictionError."""
    kind, *parts = text.split(":")
    if kind == "tiered":
        return _tiered(text, parts)
    if kind not in {"percent", "per-share", "per-contract"} or not parts:
        raise FrictionError(f"fees {text!r}", f"not of a form known: {FEES_FORMS}")
    named = _named(text, parts[1:], {"min", "max"}, "fees")
    maximum = _fraction(named.get("max", "0"), f"fees {text!r}")
    minimum = _number(named.get("min", "0"), f"fees {text!r}")
    if kind == "percent":
        return Fees(PERCENT, _fraction(parts[0], f"fees {text!r}") * 1e4, minimum, maximum)
    rate = _number(parts[0], f"fees {text!r}")
    return Fees(PER_SHARE if kind == "per-share" else PER_CONTRACT, rate, minimum, maximum)


def _tiered(text: str, parts: list[str]) -> Fees:
    where = f"fees {text!r}"
    named = {name: value for name, sign, value in (part.partition("=") for part in parts) if sign}
    base = [part for part in parts if "=" not in part]
    minimum = _number(named.pop("min", "0"), where)
    tiers = [(0.0, base[0] if len(base) == 1 else "")]
    tiers += [(_number(threshold, where), pair) for threshold, pair in named.items()]
    rising = all(low < high for (low, _), (high, _) in pairwise(tiers))
    pairs = [re.fullmatch(r"([^/]+)/([^/]+)", pair) for _, pair in tiers]
    if len(base) != 1 or not all(pairs) or len(tiers) > TIERS or not rising:
        raise FrictionError(where, f"write up to {TIERS} tiers that rise, such as tiered:2/5:1e6=1/4:1e7=0/3")
    rates = [[_fraction(f"{side}bps", where) * 1e4 for side in pair.groups()] for pair in pairs if pair]
    rates += [rates[-1]] * (TIERS - len(rates))
    thresholds = [threshold for threshold, _ in tiers] + [0.0] * (TIERS - len(tiers))
    return Fees(
        TIERED,
        0.0,
        minimum,
        0.0,
        (thresholds[0], thresholds[1], thresholds[2], thresholds[3]),
        (rates[0][0], rates[1][0], rates[2][0], rates[3][0]),
        (rates[0][1], rates[1][1], rates[2][1], rates[3][1]),
    )


def parse_spread(text: str, tick: float) -> tuple[float, float]:
    """Half the spread, in basis points and in price, from the whole one; raises FrictionError."""
    where = f"spread {text!r}"
    match = re.fullmatch(r"(.+?)(bps|%|ticks?|)", text)
    if match is None:
        raise FrictionError(where, f"write {SPREAD_FORMS}")
    if match[2] in {"bps", "%"}:
        return _fraction(text, where) * 1e4 / 2.0, 0.0
    amount = _number(match[1], where)
    if match[2]:
        return 0.0, amount * _known_tick(tick, where) / 2.0
    return 0.0, amount / 2.0


def parse_slippage(text: str, tick: float) -> dict[str, float]:
    """The parts of Slippage that a text such as those in SLIPPAGE_FORMS sets; raises FrictionError."""
    where = f"slippage {text!r}"
    kind, *parts = text.split(":")
    if kind == "ticks" and len(parts) == 1:
        return {"ticks": _number(parts[0], where), "tick": _known_tick(tick, where)}
    if kind != "volume-share":
        raise FrictionError(where, f"write {SLIPPAGE_FORMS}")
    named = _named(text, parts, {"limit", "impact"}, "slippage")
    limit = _number(named.get("limit", "0.025"), where)
    if not 0.0 < limit <= 1.0:
        raise FrictionError(where, "the limit is a part of the bar's volume, above 0 and up to 1")
    return {"volume_limit": limit, "volume_impact": _number(named.get("impact", "0.1"), where)}


def parse_impact(text: str) -> tuple[float, int]:
    """Factor and bars of the square-root law; raises FrictionError."""
    where = f"impact {text!r}"
    kind, *parts = text.split(":")
    if kind != "sqrt" or not parts:
        raise FrictionError(where, f"write {IMPACT_FORMS}")
    named = _named(text, parts[1:], {"bars"}, "impact")
    bars = _number(named.get("bars", "20"), where)
    if bars != math.floor(bars) or not MIN_BARS <= bars <= MAX_BARS:
        raise FrictionError(where, f"bars must be a whole number from {MIN_BARS} to {MAX_BARS}")
    return _number(parts[0], where), int(bars)


def parse_latency(text: str) -> tuple[int, float]:
    """How late an order arrives, in bars and in microseconds; one of them is 0. Raises FrictionError."""
    where = f"latency {text!r}"
    match = re.fullmatch(r"(.+?)(bars?|ms)", text)
    if match is None:
        raise FrictionError(where, f"write {LATENCY_FORMS}")
    amount = _number(match[1], where)
    if match[2] == "ms":
        return 0, amount * US_PER_MS
    if amount != math.floor(amount) or amount > MAX_BARS:
        raise FrictionError(where, f"write a whole number of bars up to {MAX_BARS}")
    return int(amount), 0.0


def parse_margin(text: str) -> tuple[float, float]:
    """Initial and maintenance margin as fractions; raises FrictionError."""
    where = f"margin {text!r}"
    named = _named(text, text.split(":"), {"initial", "maintenance"}, "margin")
    initial = _share(named.get("initial", "100%"), where)
    maintenance = _share(named.get("maintenance", "0%"), where)
    if not 0.0 < initial <= 1.0 or not 0.0 <= maintenance <= initial:
        raise FrictionError(where, f"0 < initial <= 100% and maintenance <= initial; write {MARGIN_FORMS}")
    return initial, maintenance


def parse_limits(text: str) -> Limits:
    """Limits of a portfolio from a text such as LIMITS_FORMS; raises FrictionError."""
    where = f"limits {text!r}"
    named = {name: _share(value, where) for name, value in _named(text, text.split(":"), LIMIT_NAMES, "limits").items()}
    if not all(value > 0.0 for value in named.values()):
        raise FrictionError(where, f"a limit must be above 0; write {LIMITS_FORMS}")
    if named.get("positions", 1.0) % 1.0 != 0.0:
        raise FrictionError(where, f"a number of positions is whole; write {LIMITS_FORMS}")
    return Limits(**named)


def parse_schedule(text: str) -> Schedule:
    """When a portfolio is rebalanced, from a text such as SCHEDULE_FORMS; raises FrictionError."""
    where = f"rebalance {text!r}"
    kind, _, value = text.partition(":")
    if text == "month-end":
        return Schedule(MONTH_END)
    if kind == "weekday" and value in WEEKDAYS:
        return Schedule(WEEKDAY, WEEKDAYS.index(value))
    if kind == "every":
        bars = _number(value, where)
        if bars == math.floor(bars) and 1 <= bars <= MAX_BARS:
            return Schedule(EVERY_BARS, int(bars))
    raise FrictionError(where, f"write {SCHEDULE_FORMS}")


def margin_of(text: str, leverage: float, *, guarded: bool, by_weight: bool = False) -> Margin:
    """The margin rules of a run; without a text equity must cover the whole position if `guarded`, else nothing.

    Without a text, weights of many symbols (`by_weight`) buy what cash pays for.
    """
    if text:
        initial, maintenance = parse_margin(text)
    else:
        initial, maintenance = (1.0 if guarded else 0.0), 0.0
    if not 0.0 < leverage < math.inf or (initial > 0.0 and leverage * initial > 1.0 + 1e-12):
        most = f"up to {1.0 / initial:g}" if initial > 0.0 else "above 0"
        raise FrictionError(f"leverage {leverage:g}", f"an initial margin of {initial:.0%} carries {most}")
    if by_weight and not text:
        return Margin(0.0, 0.0, leverage, cash_only=True)
    return Margin(initial, maintenance, leverage)


def _named(text: str, parts: list[str], known: Collection[str], what: str) -> dict[str, str]:
    """`name=value` parts by name; raises FrictionError for a name that is not known or comes twice."""
    values: dict[str, str] = {}
    for part in parts:
        name, sign, value = part.partition("=")
        if not sign or name not in known or name in values:
            offered = ", ".join(f"{one}=" for one in sorted(known))
            raise FrictionError(f"{what} {text!r}", f"{part!r} is not one of {offered}, each once")
        values[name] = value
    return values


def _number(text: str, where: str) -> float:
    """A finite number of 0 or above; raises FrictionError."""
    try:
        value = float(text)
    except ValueError:
        raise FrictionError(where, f"{text!r} is not a number") from None
    if not 0.0 <= value < math.inf:
        raise FrictionError(where, f"{text!r} must be 0 or above, and finite")
    return value


def _share(text: str, where: str) -> float:
    """A fraction from basis points, percent or a plain number; raises FrictionError."""
    for unit, parts in (("bps", 1e4), ("%", 100.0)):
        if text.endswith(unit):
            return _number(text.removesuffix(unit), where) / parts
    return _number(text, where)


def _fraction(text: str, where: str) -> float:
    """A cost as a fraction of the price; raises FrictionError for one that is surely a slip."""
    value = _share(text, where)
    if value >= MAX_SHARE:
        raise FrictionError(
            where, f"{text!r} is half the price or more; write basis points as 5bps or percent as 0.05%"
        )
    return value


def _known_tick(tick: float, where: str) -> float:
    if tick <= 0.0:
        raise FrictionError(where, "the tick is not known; give it, for instance 0.01")
    return tick
