"""Orders of every kind at random, good and bad ones, so that properties are tried on all of them.

Source: none; it exists for tests.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from trading.placing import (
    attach_stop,
    attach_target,
    attach_trailing,
    cancel,
    cancel_all,
    join,
    place,
    place_limit,
    place_market,
    place_stop,
    place_stop_limit,
    place_target,
    place_trailing,
)
from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Account
    from trading.bar import Bar
    from trading.order import Book

MODULUS = 2_147_483_647.0
NAN = float("nan")


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001
    return 2


def dice(state: MutableSequence[float]) -> float:
    """The next number from 0 to 1: Lehmer's generator, exact in floats."""
    state[0] = (state[0] * 16_807.0) % MODULUS
    return state[0] / MODULUS


def trade(state: MutableSequence[float], params: Sequence[float], bar: Bar, account: Account, orders: Book) -> None:
    if state[0] == 0.0:
        state[0] = params[0] + 1.0
        dice(state)
    for _ in range(int(dice(state) * params[2])):
        place_one(state, params, bar, account, orders)


def place_one(state: MutableSequence[float], params: Sequence[float], bar: Bar, account: Account, orders: Book) -> None:  # noqa: C901, PLR0912 - one branch a kind
    side = 1.0 if dice(state) < 0.5 else -1.0
    quantity = 1.0 + math.floor(dice(state) * 60.0)
    tif = math.floor(dice(state) * 5.0)
    near, far = bar.close * (0.96 + 0.08 * dice(state)), bar.close * (0.94 + 0.12 * dice(state))
    if account.tick > 0.0:
        near, far = math.floor(near / account.tick) * account.tick, math.floor(far / account.tick) * account.tick
    if dice(state) < params[1]:
        spoilt = dice(state)
        quantity = 0.0 if spoilt < 0.2 else -3.0 if spoilt < 0.3 else 1e300 if spoilt < 0.5 else NAN
        if spoilt > 0.6:
            quantity, near = 5.0, -1.0 if spoilt < 0.8 else NAN
        if spoilt > 0.9:
            place(orders, 99, side, 5.0)
    kind = math.floor(dice(state) * 12.0)
    if kind == 0:
        place_market(orders, side, quantity, 7 if tif == 2 else tif)
    elif kind == 1:
        place_limit(orders, side, quantity, near, tif)
    elif kind == 2:
        place_stop(orders, side, quantity, near, min(tif, 1))
    elif kind == 3:
        place_stop_limit(orders, side, quantity, near, far)
    elif kind == 4:
        place_trailing(orders, side, abs(quantity), bar.close * 0.03 if tif < 2 else 0.03, 0.0 if tif < 2 else 1.0)
    elif kind == 5:
        place_target(orders, 2.0 * dice(state) - 1.0)
    elif kind == 6:
        cancel(orders, state[1])
    elif kind == 7:
        cancel_all(orders)
    elif kind == 8:
        place_limit(orders, side, quantity, near, 7 if tif == 2 else 1, 1.0)
    elif kind == 9:
        join(orders, place_stop(orders, 1.0, quantity, bar.high), place_stop(orders, -1.0, quantity, bar.low))
    else:
        entry = place_limit(orders, side, quantity, near) if kind == 10 else place_market(orders, side, quantity)
        attach_target(orders, entry, math.floor(bar.close * (1.0 + side * 0.03)))
        attach_stop(orders, entry, math.floor(bar.close * (1.0 - side * 0.03)))
        attach_trailing(orders, entry, 0.04, 1.0)
        state[1] = entry


STRATEGY = Strategy(
    name="random_orders",
    source="tests",
    parameters=(
        Parameter("seed", 1, 0, 1e6, "where the numbers begin"),
        Parameter("bad", 0.1, 0, 1, "share of bad orders", whole=False),
        Parameter("most", 3, 1, 20, "orders a bar, one more than at most"),
    ),
    memory=memory,
    trade=trade,
)
