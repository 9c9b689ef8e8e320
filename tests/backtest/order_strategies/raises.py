"""Divides by zero on its sixth bar.

Source: none; it exists for tests.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.strategy import Parameter, Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.account import Account
    from trading.bar import Bar
    from trading.order import Book


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001
    return 1


def trade(state: MutableSequence[float], params: Sequence[float], bar: Bar, account: Account, orders: Book) -> None:
    state[0] += 1.0
    orders[-1] = account.cash / (params[0] - state[0]) * 0.0 + bar.close * 0.0


STRATEGY = Strategy(
    name="raises",
    source="tests",
    parameters=(Parameter("at", 6, 1, 100, "the bar that fails"),),
    memory=memory,
    trade=trade,
)
