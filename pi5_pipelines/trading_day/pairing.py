"""Live trades beside simulated ones: which belong together, and in what the others differ."""

from __future__ import annotations

from bisect import bisect_right
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

import msgspec

from pi5_pipelines.trading_day.trade import Trade  # noqa: TC001 - msgspec reads it at run time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Key = tuple[str, str]
DUST = Decimal("1e-9")  # of a lot: what adding binary numbers up leaves of a quantity that the journal rounds away
ZERO = Decimal(0)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A trade that the other side has otherwise, or not at all.

    `cash` is what the account has more of, live, by this trade alone. `cause` is empty: nobody has looked into it yet.
    """

    kind: Literal["different", "only live", "only simulated"]
    live: Trade | None
    simulated: Trade | None
    cash: Decimal
    cause: str = ""


def pair(
    live: Iterable[Trade],
    simulated: Iterable[Trade],
    starts: Mapping[Key, Sequence[int]],
    lots: Mapping[Key, Decimal],
) -> tuple[int, list[Difference]]:
    """How many trades agree, and all others, in the order of their bars.

    Trades belong together when they are of the same strategy and symbol and lie in the same bar of `starts`: equal ones
    first, then of what is left those of the same side, in order.
    """
    slots: dict[tuple[str, str, int], tuple[list[Trade], list[Trade]]] = {}
    for side, trades in enumerate((live, simulated)):
        for one in trades:
            slots.setdefault(_slot(one, starts), ([], []))[side].append(one)
    agreed, found = 0, list[Difference]()
    for place in sorted(slots, key=lambda slot: (slot[2], slot[0], slot[1])):
        ours, theirs = slots[place]
        dust = DUST * lots.get(place[:2], Decimal(1))
        agreed += _drop_equal(ours, theirs, dust)
        found += _differences(ours, theirs)
    return agreed, found


def _slot(trade: Trade, starts: Mapping[Key, Sequence[int]]) -> tuple[str, str, int]:
    known = starts.get(trade.key, ())
    at = bisect_right(known, trade.ts_ns)
    return trade.strategy, trade.symbol, known[at - 1] if at else trade.ts_ns


def _drop_equal(live: list[Trade], simulated: list[Trade], dust: Decimal) -> int:
    """Take the pairs that agree out of both lists; answers how many."""
    agreed = 0
    for one in list(live):
        twin = next((other for other in simulated if _agree(one, other, dust)), None)
        if twin is not None:
            live.remove(one)
            simulated.remove(twin)
            agreed += 1
    return agreed


def _agree(live: Trade, simulated: Trade, dust: Decimal) -> bool:
    return (live.side, live.price, live.fee) == (simulated.side, simulated.price, simulated.fee) and abs(
        live.quantity - simulated.quantity
    ) <= dust


def _differences(live: list[Trade], simulated: list[Trade]) -> Iterable[Difference]:
    for one in live:
        twin = next((other for other in simulated if other.side == one.side), None)
        if twin is None:
            yield Difference(kind="only live", live=one, simulated=None, cash=one.cash)
        else:
            simulated.remove(twin)
            yield Difference(kind="different", live=one, simulated=twin, cash=one.cash - twin.cash)
    for other in simulated:
        yield Difference(kind="only simulated", live=None, simulated=other, cash=-other.cash)
