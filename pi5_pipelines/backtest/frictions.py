"""The costs and frictions of a run as its options name them, and as the rulebook takes them."""

from __future__ import annotations

import math

import msgspec

from pi5_pipelines.errors import BacktestError
from trading.errors import FrictionError
from trading.fees import Fees
from trading.friction_options import (
    margin_of,
    parse_fees,
    parse_impact,
    parse_latency,
    parse_limits,
    parse_schedule,
    parse_slippage,
    parse_spread,
)
from trading.frictions import Carry, Frictions
from trading.rebalancing import Schedule
from trading.risk import Limits
from trading.rules import UNITS, Rules
from trading.slippage import Slippage

MAX_PCT = 1_000.0  # a year, or for 8 hours of funding: beyond it a number is surely a slip


class FrictionSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a run adds to plain fees and slippage; the texts are those of trading.friction_options.

    `limits` and `rebalance` are for strategies over many symbols. Rates are percent: `funding_pct` for 8 hours, the
    others a year. `tick` is the instrument's own unless given.
    """

    fees: str = ""
    spread: str = ""
    slippage: str = ""
    impact: str = ""
    latency: str = ""
    margin: str = ""
    leverage: float = 1.0
    borrow_pct: float = 0.0
    funding_pct: float = 0.0
    interest_pct: float = 0.0
    debit_pct: float = 0.0
    dividends: bool = False
    tick: float = 0.0
    limits: str = ""
    rebalance: str = ""

    def any(self) -> bool:
        """Whether the run is more than the plain loop can do."""
        return self != FrictionSpec()

    def fits(self) -> bool:
        """Whether every text and number can be read, whatever the instrument."""
        try:
            self.bundle(Rules(), 1.0, 1.0, daily=True, names_quantities=True)
            self.portfolio()
        except BacktestError:
            return False
        return True

    def portfolio(self) -> tuple[Limits, Schedule]:
        """Limits and calendar of a run over many symbols; raises BacktestError."""
        try:
            limits = parse_limits(self.limits) if self.limits else Limits()
            return limits, parse_schedule(self.rebalance) if self.rebalance else Schedule()
        except FrictionError as error:
            raise BacktestError(error.reason, where=error.subject, hint="docs/orders.md shows every form") from error

    def only_portfolio(self) -> bool:
        """Whether limits and a calendar are all there is."""
        return msgspec.structs.replace(self, limits="", rebalance="") == FrictionSpec()

    def bundle(
        self, rules: Rules, lot: float, tick: float, *, daily: bool, names_quantities: bool, by_weight: bool = False
    ) -> Frictions:
        """The rulebook's form for an instrument's `lot` and `tick` (0: not known); raises BacktestError.

        `names_quantities` and `by_weight` say what the strategy does, the latter over many symbols.
        """
        try:
            frictions = self._bundle(rules, lot, self.tick or tick, daily=daily)
            # A fixed number of units asks for no money; quantities of a strategy's own must be paid for.
            guarded = names_quantities or by_weight or rules.sizing != UNITS
            margin = margin_of(self.margin, self.leverage, guarded=guarded, by_weight=by_weight)
            return frictions._replace(margin=margin)
        except FrictionError as error:
            raise BacktestError(error.reason, where=error.subject, hint="docs/orders.md shows every form") from error

    def _bundle(self, rules: Rules, lot: float, tick: float, *, daily: bool) -> Frictions:
        self._check_numbers()
        if self.fees and rules.fee_bps > 0.0:
            raise FrictionError(f"fees {self.fees!r}", "fee_bps is given too; give one of them")
        fees = parse_fees(self.fees) if self.fees else Fees(rate=rules.fee_bps)
        half_bps, half_price = parse_spread(self.spread, tick) if self.spread else (0.0, 0.0)
        factor, bars = parse_impact(self.impact) if self.impact else (0.0, 2)
        slippage = Slippage(
            bps=rules.slippage_bps, half_spread_bps=half_bps, half_spread=half_price, impact=factor, impact_bars=bars
        )
        if self.slippage:
            slippage = slippage._replace(**parse_slippage(self.slippage, tick))  # type: ignore[arg-type]  # fields by name
        latency_bars, latency_us = parse_latency(self.latency) if self.latency else (0, 0.0)
        return Frictions(
            rules=rules,
            lot=lot,
            tick=tick,
            daily=daily,
            latency_bars=latency_bars,
            latency_us=latency_us,
            fees=fees,
            slippage=slippage,
            carry=Carry(
                self.borrow_pct / 100.0, self.funding_pct / 100.0, self.interest_pct / 100.0, self.debit_pct / 100.0
            ),
        )

    def _check_numbers(self) -> None:
        for name in ("borrow_pct", "interest_pct", "debit_pct", "tick"):
            value = getattr(self, name)
            if not 0.0 <= value <= MAX_PCT:
                raise FrictionError(f"{name} {value:g}", f"must lie between 0 and {MAX_PCT:g}")
        if not math.isfinite(self.funding_pct) or abs(self.funding_pct) > MAX_PCT:
            raise FrictionError(f"funding_pct {self.funding_pct:g}", f"must lie between {-MAX_PCT:g} and {MAX_PCT:g}")
