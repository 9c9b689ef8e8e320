"""What is to be run: strategy, parameters, money, costs and rules, checked before anything starts."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

import msgspec

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.errors import BacktestError, UnknownNameError
from trading import rules, strategies
from trading.errors import FrictionError, StrategyError
from trading.friction_options import SIZING_FORMS, parse_sizing

if TYPE_CHECKING:
    from trading.rules import Rules
    from trading.strategy import Strategy

Loop = Literal["plain", "portfolio", "orders", "pool"]
FILLS = {"next-open": rules.NEXT_OPEN, "close": rules.CLOSE}


class BacktestSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run, complete: the same spec on the same bars with the same code gives the same bytes."""

    strategy: str
    params: dict[str, float] = {}
    cash: float = 10_000.0
    fee_bps: float = 0.0
    slippage_bps: float = 0.0
    fill: Literal["next-open", "close"] = "next-open"
    sizing: str = "all-in"
    direction: Literal["both", "long"] = "both"
    close_at_end: bool = True
    frictions: FrictionSpec = FrictionSpec()

    def checked(self) -> BacktestSpec:
        """The spec with every parameter filled in; raises UnknownNameError or BacktestError."""
        strategy = self.definition()
        where = f"strategy {self.strategy}"
        try:
            values = strategy.params(self.params)
        except StrategyError as error:
            raise BacktestError(error.reason, where=where, hint=describe(strategy)) from error
        self.check_money()
        self._check_frictions(strategy, where)
        names = [parameter.name for parameter in strategy.parameters]
        return msgspec.structs.replace(
            self,
            params=dict(zip(names, values, strict=True)),
            cash=float(self.cash),
            fee_bps=float(self.fee_bps),
            slippage_bps=float(self.slippage_bps),
        )

    def definition(self) -> Strategy:
        """The strategy named; raises UnknownNameError with the nearest name."""
        try:
            return strategies.find(self.strategy)
        except StrategyError as error:
            near = difflib.get_close_matches(self.strategy, strategies.names(), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(strategies.names())}"
            raise UnknownNameError(f"no such strategy: {self.strategy!r}", hint=hint) from error

    def rules(self) -> Rules:
        """The same options in the form that the event loop takes."""
        sizing, units = self._sizing()
        return rules.Rules(
            sizing=sizing,
            units=units,
            fee_bps=float(self.fee_bps),
            slippage_bps=float(self.slippage_bps),
            fill_at=FILLS[self.fill],
            long_only=self.direction == "long",
            close_at_end=self.close_at_end,
        )

    def by_orders(self) -> bool:
        """Whether the run needs more than the plain loop: a strategy that names quantities or orders, or frictions."""
        return self.loop() != "plain"

    def loop(self) -> Loop:
        """The event loop that the run goes through, finer bars left aside.

        Weights go through a loop of their own where limits and a calendar are their only frictions.
        """
        strategy = self.definition()
        if not strategy.names_quantities and not self.frictions.any():
            return "plain"
        if not strategy.many_symbols:
            return "orders"
        return "portfolio" if strategy.allocate is not None and self.frictions.only_portfolio() else "pool"

    def _check_frictions(self, strategy: Strategy, where: str) -> None:
        many = strategy.many_symbols
        self.frictions.portfolio()
        if not many and (self.frictions.limits or self.frictions.rebalance):
            raise BacktestError("limits and rebalance are for many symbols", where=where, hint="leave them out")
        if strategy.trade_all is not None and self.frictions.rebalance:
            raise BacktestError(
                "it places orders when it likes, and no calendar moves them", where=where, hint="leave rebalance out"
            )
        # What depends on the instrument is checked with its bars; a tick of 1 stands in for any.
        found = self.frictions.bundle(
            self.rules(),
            1.0,
            1.0,
            daily=True,
            names_quantities=strategy.names_quantities,
            by_weight=strategy.allocate is not None,
        )
        if many and found.latency_us > 0.0:
            raise BacktestError(
                "a delay in milliseconds needs finer bars, which decide for one symbol a run",
                where=f"latency {self.frictions.latency!r}",
                hint="write the delay in bars",
            )

    def check_money(self) -> None:
        """Raise BacktestError for cash, costs or a sizing that cannot be."""
        where = f"strategy {self.strategy}"
        if not 0.0 < self.cash < float("inf"):
            raise BacktestError(f"cash is {self.cash:g}", where=where, hint="start with more than nothing")
        for name, value in (("fee_bps", self.fee_bps), ("slippage_bps", self.slippage_bps)):
            if not 0.0 <= value < rules.MAX_COST_BPS:
                raise BacktestError(
                    f"{name} is {value:g}", where=where, hint=f"give basis points from 0 to {rules.MAX_COST_BPS:g}"
                )
        self._sizing()

    def _sizing(self) -> tuple[int, float]:
        try:
            return parse_sizing(self.sizing)
        except FrictionError as error:
            raise BacktestError(
                f"sizing is {self.sizing!r}", where=f"strategy {self.strategy}", hint=f"use {SIZING_FORMS}"
            ) from error


def describe(strategy: Strategy) -> str:
    """A strategy's parameters in one line, for hints and help."""
    if not strategy.parameters:
        return f"{strategy.name} has no parameters"
    return "; ".join(
        f"{p.name}: {p.meaning}, {p.low:g} to {p.high:g}, {p.default:g} unless given" for p in strategy.parameters
    )
