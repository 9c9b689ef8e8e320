"""Limits on what an account may hold, as fractions of its equity: for targets before they trade, and for orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

NO_LIMIT = 1e9


class Limits(NamedTuple):
    """The largest share of equity in one symbol, in all positions whatever their side, and in long less short ones."""

    weight: float = NO_LIMIT
    gross: float = NO_LIMIT
    net: float = NO_LIMIT


# Why an order is refused; 0: it is not.
WITHIN, OVER_WEIGHT, OVER_GROSS, OVER_NET = range(4)


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
    """Cut each weight to the limit of one symbol, then shrink in proportion what breaks the others.

    Too much net exposure shrinks the side that is larger, until the balance is at the limit.
    """
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


def order_refusal(limits: Limits, weights: Sequence[float], symbol: int, after: float) -> int:
    """Which limit an order breaks that brings `symbol` to the weight `after`; one that lowers a breach breaks none."""
    before = weights[symbol]
    gross = gross_of(weights) - abs(before) + abs(after)
    net = net_of(weights) - before + after
    if abs(after) > limits.weight and abs(after) > abs(before):
        return OVER_WEIGHT
    if gross > limits.gross and abs(after) > abs(before):
        return OVER_GROSS
    if abs(net) > limits.net and abs(net) > abs(net_of(weights)):
        return OVER_NET
    return WITHIN
