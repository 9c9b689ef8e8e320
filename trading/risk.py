"""Limits on what an account may hold, as fractions of its equity: for targets before they trade, and for orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

NO_LIMIT = 1e9


class Limits(NamedTuple):
    """The largest share of equity in one symbol, in all positions whatever their side, and in long less short ones.

    `positions` is how many symbols may be held at once.
    """

    weight: float = NO_LIMIT
    gross: float = NO_LIMIT
    net: float = NO_LIMIT
    positions: float = NO_LIMIT


class Held(NamedTuple):
    """Weights added up whatever their side, long less short, and how many of them are not zero."""

    gross: float
    net: float
    positions: float


# Why an order is refused; 0: it is not.
WITHIN, OVER_WEIGHT, OVER_GROSS, OVER_NET, OVER_COUNT = range(5)


def gross_of(weights: Sequence[float]) -> float:
    """All weights added up whatever their side; a NaN counts nothing."""
    total = 0.0
    for weight in weights:
        if weight == weight:  # noqa: PLR0124 - NaN: no opinion
            total += abs(weight)
    return total


def net_of(weights: Sequence[float]) -> float:
    """Long weights less short ones; a NaN counts nothing."""
    total = 0.0
    for weight in weights:
        if weight == weight:  # noqa: PLR0124 - NaN: no opinion
            total += weight
    return total


def limit_weights(limits: Limits, weights: MutableSequence[float]) -> None:
    """Keep the largest weights, cut each to the limit of one symbol, then shrink in proportion what breaks the others.

    Too much net exposure shrinks the side that is larger, until the balance is at the limit.
    """
    for _ in range(max(0, int(count_of(weights) - min(limits.positions, len(weights))))):
        drop_smallest(weights)
    for s in range(len(weights)):
        weights[s] = max(-limits.weight, min(limits.weight, weights[s])) if weights[s] == weights[s] else weights[s]
    net = net_of(weights)
    if abs(net) > limits.net:
        side = 1.0 if net > 0.0 else -1.0
        larger = (gross_of(weights) + abs(net)) / 2.0
        scale = (larger - (abs(net) - limits.net)) / larger
        for s in range(len(weights)):
            if weights[s] * side > 0.0:
                weights[s] *= scale
    gross = gross_of(weights)
    if gross > limits.gross:
        for s in range(len(weights)):
            weights[s] *= limits.gross / gross


def count_of(weights: Sequence[float]) -> float:
    """How many weights are neither zero nor NaN."""
    count = 0.0
    for weight in weights:
        if weight == weight and weight != 0.0:  # noqa: PLR0124 - NaN: no opinion
            count += 1.0
    return count


def drop_smallest(weights: MutableSequence[float]) -> None:
    """Set the smallest weight that is not zero to zero, the last one of equals."""
    least = -1
    for s in range(len(weights)):
        counts = weights[s] == weights[s] and weights[s] != 0.0
        if counts and (least < 0 or abs(weights[s]) <= abs(weights[least])):
            least = s
    weights[least] = 0.0


def breach(limits: Limits, others: Held, before: float, after: float) -> int:
    """Which limit a change of one weight breaks, beside what the others hold; one that lowers a breach breaks none."""
    more = abs(after) > abs(before)
    if abs(after) > limits.weight and more:
        return OVER_WEIGHT
    if others.gross + abs(after) > limits.gross and more:
        return OVER_GROSS
    net = others.net + after
    if abs(net) > limits.net and abs(net) > abs(others.net + before):
        return OVER_NET
    if before == 0.0 and after != 0.0 and others.positions + 1.0 > limits.positions:
        return OVER_COUNT
    return WITHIN


def order_refusal(limits: Limits, weights: Sequence[float], symbol: int, after: float) -> int:
    """Which limit an order breaks that brings `symbol` to the weight `after`; one that lowers a breach breaks none."""
    before = weights[symbol]
    others = Held(
        gross_of(weights) - abs(before),
        net_of(weights) - before,
        count_of(weights) - (1.0 if before != 0.0 else 0.0),
    )
    return breach(limits, others, before, after)
