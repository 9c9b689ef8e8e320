"""A strategy that is one bar late: what it decides on a bar goes out after the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pi5_pipelines.honesty.wrapped import Wrapping, wrapped_loop

if TYPE_CHECKING:
    from collections.abc import Callable


def delayed_decide(decide: Callable[..., float]) -> Callable[..., float]:
    """The decision of the bar before; the first bar has none. It keeps one number before the strategy's state."""

    def decide_late(state: Any, params: Any, bar: Any, position: float) -> float:  # noqa: ANN401 - arrays when compiled
        before = state[0]
        state[0] = decide(state[1:], params, bar, position)
        return float(before)

    return decide_late


def delayed_allocate(allocate: Callable[..., bool]) -> Callable[..., bool]:
    """The weights, or quantities, and the wish to trade of the bar before; it keeps them before the strategy's state.

    `held` is what the strategy is shown of the account: positions, or the portfolio where it names quantities.
    """

    def allocate_late(state: Any, params: Any, bars: Any, held: Any, weights: Any) -> bool:  # noqa: ANN401 - as above
        symbols = len(weights)
        trade = state[0] != 0.0
        own = state[1 : 1 + symbols]
        for s in range(symbols):
            weights[s] = own[s]
        state[0] = 1.0 if allocate(state[1 + symbols :], params, bars, held, own) else 0.0
        return bool(trade)

    return allocate_late


def delayed_memory(memory: int, symbols: int, *, many_symbols: bool) -> int:
    """The length of the state of the late strategy, `memory` being that of the strategy in time."""
    return memory + (1 + symbols if many_symbols else 1)


def delayed_loop(name: str, loop: str = "plain") -> Callable[..., None]:
    """The compiled event loop of the late strategy; the first call of a new code version takes seconds."""
    return wrapped_loop(name, loop, Wrapping(delayed_decide, delayed_allocate, delayed_allocate))
