"""How far a fill lies from the price that the bar showed: spread, fixed steps, a share of the volume, impact.

Every part is a distance in price, always against the trader, and adds up. An order that rests at its limit and is met
there pays none of them; one that takes what is there pays all, but never a price beyond its limit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from trading.costs import BPS, slipped
from trading.indicators import window_push, window_size

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence


class Slippage(NamedTuple):
    """All parts; zero is none.

    `bps` of the price; `ticks` of size `tick`; the half of the spread in basis points and in price; of the volume
    share model `volume_limit`, the part of a bar's volume that may be taken, and `volume_impact`; of the square-root
    law its factor `impact`, and `impact_bars`, the bars that volatility and volume are measured over.
    """

    bps: float = 0.0
    ticks: float = 0.0
    tick: float = 0.0
    half_spread_bps: float = 0.0
    half_spread: float = 0.0
    volume_limit: float = 0.0
    volume_impact: float = 0.0
    impact: float = 0.0
    impact_bars: int = 20


class Priced(NamedTuple):
    """A fill's price, and the distances from the bar's price it is made of."""

    price: float
    spread: float
    slippage: float
    impact: float


def volume_share_impact(slippage: Slippage, price: float, quantity: float, used: float, volume: float) -> float:
    """Distance in price of zipline's VolumeShareSlippage: price x volume_impact x (share of the bar's volume)^2.

    The share counts what was taken of the bar before, and is bounded by the limit. Source: zipline,
    zipline.finance.slippage.VolumeShareSlippage (defaults: limit 0.025, impact 0.1).
    """
    if volume <= 0.0:
        return 0.0
    share = min((used + abs(quantity)) / volume, slippage.volume_limit)
    return price * slippage.volume_impact * share * share


def square_root_impact(factor: float, price: float, quantity: float, sigma: float, usual_volume: float) -> float:
    """Distance in price of the square-root law: price x factor x sigma x sqrt(quantity / usual volume).

    `sigma` is the standard deviation of returns and `usual_volume` the mean volume, both a bar; the length of the bar
    cancels out. Source: R. Grinold, R. Kahn, Active Portfolio Management, 2nd ed. (1999), chapter 16; Almgren et al.,
    "Direct Estimation of Equity Market Impact", Risk (2005), find a power of 0.6 in place of the root.
    """
    if usual_volume <= 0.0:
        return 0.0
    return price * factor * sigma * math.sqrt(abs(quantity) / usual_volume)


def priced(
    slippage: Slippage,
    price: float,
    quantity: float,
    limit: float,
    volumes: tuple[float, float],
    usual: tuple[float, float],
) -> Priced:
    """The fill of a signed `quantity` that takes the `price` that is there; `limit` is NaN for none.

    `volumes` are the bar's volume and what was taken of it before; `usual` are sigma and volume as in
    square_root_impact.
    """
    side = 1.0 if quantity > 0.0 else -1.0
    moved = slipped(price, quantity, slippage.bps)
    spread = price * slippage.half_spread_bps / BPS + slippage.half_spread
    stepped = slippage.ticks * slippage.tick
    if slippage.volume_impact > 0.0:
        stepped += volume_share_impact(slippage, price, quantity, volumes[1], volumes[0])
    impact = 0.0
    if slippage.impact > 0.0:
        impact = square_root_impact(slippage.impact, price, quantity, usual[0], usual[1])
    extra = spread + stepped + impact
    fill = moved + side * extra
    off = side * (moved - price) + stepped
    # No sale brings less than nothing; no limit is passed.
    bound = limit if limit == limit else 0.0 if side < 0.0 else fill  # noqa: PLR0124 - NaN: no limit
    if side * (fill - bound) > 0.0:
        total = off + spread + impact
        part = side * (bound - price) / total if total > 0.0 else 0.0
        return Priced(bound, spread * part, off * part, impact * part)
    return Priced(fill, spread, off, impact)


def trail_size(slippage: Slippage) -> int:
    """Slots of the windows that impact is measured over: the last close, returns, volumes."""
    return 1 + 2 * window_size(slippage.impact_bars)


def observe(
    slippage: Slippage, trail: MutableSequence[float], at: int, close: float, volume: float
) -> tuple[float, float]:
    """Let a closed bar into the windows at `at`.

    Answers the standard deviation (ddof 1) of returns and the mean volume of the bars so far.
    """
    bars = slippage.impact_bars
    if trail[at] > 0.0:
        window_push(trail, at + 1, bars, close / trail[at] - 1.0)
    trail[at] = close
    volumes = at + 1 + window_size(bars)
    window_push(trail, volumes, bars, volume)
    return deviation(trail, at + 1), mean(trail, volumes)


def mean(state: Sequence[float], at: int) -> float:
    """Mean of the values that a window holds, 0 when it is empty."""
    count = int(state[at])
    total = 0.0
    for k in range(count):
        total += state[at + 3 + k]
    return total / count if count > 0 else 0.0


def deviation(state: Sequence[float], at: int) -> float:
    """Standard deviation (ddof 1) of the values that a window holds, 0 below two."""
    count = int(state[at])
    if count < 2:  # noqa: PLR2004 - one value has no deviation
        return 0.0
    middle, total = mean(state, at), 0.0
    for k in range(count):
        total += (state[at + 3 + k] - middle) ** 2
    return math.sqrt(total / (count - 1))
