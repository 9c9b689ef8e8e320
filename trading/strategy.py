"""What a strategy is: named parameters and pure functions that say how much to hold, or which orders to place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trading.errors import StrategyError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, MutableSequence, Sequence

    from trading.account import Account, Portfolio
    from trading.bar import Bar
    from trading.order import Book

    Decide = Callable[[MutableSequence[float], Sequence[float], Bar, float], float]
    Allocate = Callable[
        [MutableSequence[float], Sequence[float], Sequence[Bar], Sequence[float], MutableSequence[float]], bool
    ]
    Hold = Callable[[MutableSequence[float], Sequence[float], Sequence[Bar], Portfolio, MutableSequence[float]], bool]
    Trade = Callable[[MutableSequence[float], Sequence[float], Bar, Account, Book], None]
    TradeAll = Callable[[MutableSequence[float], Sequence[float], Sequence[Bar], Portfolio, Sequence[Book]], None]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number a strategy is tuned by; `whole` ones count bars and must be integers."""

    name: str
    default: float
    low: float
    high: float
    meaning: str
    whole: bool = True

    def check(self, strategy: str, value: float) -> float:
        """The value as a float; raises StrategyError when it is no number, not whole, or out of range."""
        if not math.isfinite(value) or (self.whole and value != math.floor(value)):
            raise StrategyError(strategy, f"{self.name}={value:g} must be {'a whole' if self.whole else 'a'} number")
        if not self.low <= value <= self.high:
            raise StrategyError(strategy, f"{self.name}={value:g} must lie between {self.low:g} and {self.high:g}")
        return float(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """Rules in the subset of Python that numba compiles and CPython runs unchanged.

    `memory(params, symbols)` is the length of the state, a flat run of zeros at the start. `decide(state, params,
    bar, position)` answers the target exposure for one symbol, from -1 (all short) over 0 (flat) to 1 (all long);
    the same answer as before means: no order; NaN means: not yet. A strategy that places orders has
    `trade(state, params, bar, account, orders)` instead: it writes them into its book (see placing.py).

    Over many symbols (a bar whose close is NaN is missing) it has one of: `allocate(state, params, bars, positions,
    weights)`, which writes a part of equity per symbol into `weights` and answers whether to trade now; `hold(state,
    params, bars, portfolio, quantities)`, which writes the quantity to hold; `trade_all(state, params, bars,
    portfolio, books)`, which places orders in each symbol's book. `orderings` lists parameters that must rise, such
    as (("fast", "slow"),).
    """

    name: str
    source: str
    parameters: tuple[Parameter, ...] = ()
    memory: Callable[[Sequence[float], int], int]
    decide: Decide | None = None
    allocate: Allocate | None = None
    trade: Trade | None = None
    hold: Hold | None = None
    trade_all: TradeAll | None = None
    orderings: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        rules = (self.decide, self.trade, self.allocate, self.hold, self.trade_all)
        if sum(rule is not None for rule in rules) != 1:
            raise StrategyError(
                self.name,
                "must have one of decide (targets), trade (orders) for one symbol; "
                "allocate (weights), hold (quantities), trade_all (orders) for many",
            )

    @property
    def many_symbols(self) -> bool:
        """Whether it trades all its symbols from one cash pool."""
        return self.decide is None and self.trade is None

    @property
    def places_orders(self) -> bool:
        """Whether it says how to trade, rather than what to hold."""
        return self.trade is not None or self.trade_all is not None

    @property
    def names_quantities(self) -> bool:
        """Whether it says itself how much, rather than what part of equity."""
        return self.places_orders or self.hold is not None

    def params(self, given: Mapping[str, float]) -> tuple[float, ...]:
        """All parameters in order, defaults filled in; raises StrategyError naming the one that is wrong."""
        known = {parameter.name for parameter in self.parameters}
        for name in given:
            if name not in known:
                offered = ", ".join(sorted(known)) or "none"
                raise StrategyError(self.name, f"has no parameter {name!r}; it has: {offered}")
        values = {p.name: p.check(self.name, given.get(p.name, p.default)) for p in self.parameters}
        for smaller, larger in self.orderings:
            if values[smaller] >= values[larger]:
                raise StrategyError(
                    self.name,
                    f"{smaller}={values[smaller]:g} must be smaller than {larger}={values[larger]:g}",
                )
        return tuple(values.values())


class Decider:
    """A single-symbol strategy fed bar by bar, as the live engine feeds it."""

    def __init__(self, strategy: Strategy, params: Mapping[str, float]) -> None:
        if strategy.decide is None:
            raise StrategyError(strategy.name, "names no targets for one symbol; it cannot be fed bars alone")
        self._decide = strategy.decide
        self._params = strategy.params(params)
        self._state = [0.0] * strategy.memory(self._params, 1)

    def on_bar(self, bar: Bar, position: float) -> float:
        """The target exposure after a closed bar (NaN: not yet)."""
        return self._decide(self._state, self._params, bar, position)
