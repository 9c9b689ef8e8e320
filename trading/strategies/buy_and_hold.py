"""Buy once, keep for ever: the yardstick every other strategy is held against.

Source: W. F. Sharpe, "The Arithmetic of Active Management", Financial Analysts Journal 47 (1991).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trading.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import MutableSequence, Sequence

    from trading.bar import Bar


def memory(params: Sequence[float], symbols: int) -> int:  # noqa: ARG001 - the signature is the strategy's contract
    """One unused slot: there is nothing to remember."""
    return 1


def decide(
    state: MutableSequence[float],  # noqa: ARG001
    params: Sequence[float],  # noqa: ARG001
    bar: Bar,  # noqa: ARG001
    position: float,  # noqa: ARG001
) -> float:
    """All long, always."""
    return 1.0


STRATEGY = Strategy(name="buy_and_hold", source="Sharpe (1991)", memory=memory, decide=decide)
