"""The terms that a strategy traded on, as the journal recorded them, and as the backtester takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import Pi5Error, ReplayError
from trading.paper import PaperAccount
from trading.timeframe import DAY_SECONDS, SECONDS

if TYPE_CHECKING:
    from live_engine.events import StrategyStarted

HINT = "its trades of this time cannot be checked; those after its next start can"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """`settings` of StrategyStarted; they mean what they mean in `[[live.strategies]]`."""

    cash: float
    timeframe: str
    fee_bps: float
    slippage_bps: float
    fill: Literal["next-open", "close"]
    sizing: str
    direction: Literal["both", "long"]
    lot: float
    tick: float
    session_ends_s: float

    @property
    def length_s(self) -> int:
        """How long a bar lasts."""
        return SECONDS[self.timeframe]


def terms_of(started: StrategyStarted) -> Terms:
    """The terms that a start recorded; raises ReplayError where it recorded none, or other ones than are known here."""
    if not started.settings:
        raise ReplayError("the journal has no settings of it", where=_where(started), hint=HINT)
    try:
        terms = msgspec.convert(started.settings, Terms)
    except msgspec.ValidationError as error:
        raise ReplayError(f"settings that are unknown here: {error}", where=_where(started), hint=HINT) from error
    if terms.timeframe not in SECONDS:
        raise ReplayError(f"there is no timeframe {terms.timeframe!r}", where=_where(started), hint=HINT)
    return terms


def account_of(started: StrategyStarted, terms: Terms) -> PaperAccount:
    """An account as a backtest with these options has it, with no bar seen; raises ReplayError."""
    try:
        spec = BacktestSpec(
            strategy=started.strategy,
            params=started.params,
            cash=terms.cash,
            fee_bps=terms.fee_bps,
            slippage_bps=terms.slippage_bps,
            fill=terms.fill,
            sizing=terms.sizing,
            direction=terms.direction,
            close_at_end=False,
        ).checked()
        strategy = spec.definition()
        frictions = spec.frictions.bundle(
            spec.rules(),
            terms.lot,
            terms.tick,
            daily=terms.length_s >= DAY_SECONDS,
            names_quantities=strategy.names_quantities,
        )
    except Pi5Error as error:
        raise ReplayError(error.what, where=_where(started), hint=HINT) from error
    return PaperAccount(strategy, spec.params, frictions, spec.cash)


def _where(started: StrategyStarted) -> str:
    return f"strategy {started.strategy} on {started.symbol}"
