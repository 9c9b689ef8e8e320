"""`[[live.strategies]]` of pi5.toml: which strategy trades which symbol on paper, with what money and costs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from live_engine.errors import SettingsError
from trading import rules, strategies
from trading.errors import TradingError
from trading.fees import Fees
from trading.friction_options import margin_of, parse_sizing
from trading.frictions import Frictions
from trading.slippage import Slippage
from trading.timeframe import DAY_SECONDS, SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trading.strategy import Strategy

CostBps = Annotated[float, msgspec.Meta(ge=0.0, lt=rules.MAX_COST_BPS)]
Key = tuple[str, str]  # strategy and symbol
FILLS = {"next-open": rules.NEXT_OPEN, "close": rules.CLOSE}
TERMS = (
    "cash",
    "timeframe",
    "fee_bps",
    "slippage_bps",
    "fill",
    "sizing",
    "direction",
    "lot",
    "tick",
    "session_ends_s",
)
HINT = "mend its entry under [[live.strategies]]; `pi5 backtest --help` tells what each option means"


class StrategySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One strategy on one symbol, with an account of its own. Costs and sizing mean what they mean in a backtest.

    `lot` and `tick` are the instrument's (tick 0: any price), `warm_up_bars` the most bars of the past it is shown
    first, `session_ends_s` the second of the UTC day at which orders good for the day end, 86,400 being midnight; it
    matters for bars shorter than a day. `promoted`: it may trade real money.
    """

    name: str
    symbol: Annotated[str, msgspec.Meta(min_length=1)]
    params: dict[str, float] = {}
    cash: Annotated[float, msgspec.Meta(gt=0.0, le=1e15)] = 10_000.0
    timeframe: str = "1d"
    fee_bps: CostBps = 0.0
    slippage_bps: CostBps = 0.0
    fill: Literal["next-open", "close"] = "next-open"
    sizing: str = "all-in"
    direction: Literal["both", "long"] = "both"
    lot: Annotated[float, msgspec.Meta(gt=0.0, le=1e15)] = 1.0
    tick: Annotated[float, msgspec.Meta(ge=0.0, le=1e15)] = 0.0
    warm_up_bars: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    session_ends_s: Annotated[int, msgspec.Meta(gt=0, le=DAY_SECONDS)] = DAY_SECONDS
    promoted: bool = False

    @property
    def key(self) -> Key:
        """What tells it from the others."""
        return self.name, self.symbol

    @property
    def where(self) -> str:
        """What an error calls it."""
        return f"strategy {self.name} on {self.symbol}"

    def definition(self) -> Strategy:
        """The strategy, its name, parameters and timeframe checked; raises SettingsError."""
        if self.timeframe not in SECONDS:
            known = ", ".join(SECONDS)
            raise SettingsError(f"there is no timeframe {self.timeframe!r}", where=self.where, hint=f"use {known}")
        try:
            strategy = strategies.find(self.name)
            strategy.params(self.params)
        except TradingError as error:
            raise SettingsError(error.reason, where=self.where, hint=HINT) from error
        if strategy.many_symbols:
            raise SettingsError("it trades many symbols", where=self.where, hint="choose one that trades one symbol")
        return strategy

    def all_params(self) -> dict[str, float]:
        """Every parameter by name, defaults filled in; raises SettingsError."""
        strategy = self.definition()
        names = [parameter.name for parameter in strategy.parameters]
        return dict(zip(names, strategy.params(self.params), strict=True))

    def terms(self) -> dict[str, float | str]:
        """What a journal keeps beside name, symbol and parameters: all else that orders depend on."""
        return {name: getattr(self, name) for name in TERMS}

    def frictions(self) -> Frictions:
        """The rulebook's form of costs, sizing and instrument; raises SettingsError."""
        try:
            sizing, units = parse_sizing(self.sizing)
            guarded = self.definition().names_quantities or sizing != rules.UNITS
            return Frictions(
                rules=rules.Rules(
                    sizing=sizing,
                    units=units,
                    fee_bps=self.fee_bps,
                    slippage_bps=self.slippage_bps,
                    fill_at=FILLS[self.fill],
                    long_only=self.direction == "long",
                    close_at_end=False,
                ),
                lot=self.lot,
                tick=self.tick,
                daily=SECONDS[self.timeframe] >= DAY_SECONDS,
                fees=Fees(rate=self.fee_bps),
                slippage=Slippage(bps=self.slippage_bps),
                margin=margin_of("", 1.0, guarded=guarded),
            )
        except TradingError as error:
            raise SettingsError(error.reason, where=self.where, hint=HINT) from error


def check_strategies(entries: Sequence[StrategySettings]) -> None:
    """Raise SettingsError for an entry that cannot trade, or for a strategy that is on a symbol twice."""
    for entry in entries:
        entry.frictions()
    for (name, symbol), count in Counter(entry.key for entry in entries).items():
        if count > 1:
            raise SettingsError(
                f"there are {count} entries",
                where=f"strategy {name} on {symbol}",
                hint="keep one: its orders are named after strategy and symbol",
            )
