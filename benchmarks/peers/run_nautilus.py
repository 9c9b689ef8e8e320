"""One cell on NautilusTrader: moving averages crossing with a fixed number of shares, filled at the close.

Same protocol as tests/parity/peers: cells as JSON on stdin, final equity, trades and seconds on stdout. The seconds are
those of the engine's run, and of that with the bars' making and the engine's setting up.
"""

from __future__ import annotations

import json
import sys
import time
from decimal import Decimal
from importlib.metadata import version
from typing import Any

import pandas as pd
from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

DEPTH = 1e9  # shares a bar: enough for an order never to move the price


class CrossConfig(StrategyConfig, frozen=True):  # type: ignore[misc, call-arg]  # the peer has no types
    """What a strategy of this peer is told."""

    bar_type: BarType
    fast: int
    slow: int
    units: int
    last: int


class Cross(Strategy):  # type: ignore[misc]  # as above
    """Long after a crossing upwards, short after one downwards, flat at the last bar."""

    def __init__(self, config: CrossConfig) -> None:
        super().__init__(config)
        self.quick, self.lazy = SimpleMovingAverage(config.fast), SimpleMovingAverage(config.slow)
        self.relation = self.held = 0
        self.seen = self.trades = 0

    def on_start(self) -> None:
        """Feed both averages."""
        self.register_indicator_for_bars(self.config.bar_type, self.quick)
        self.register_indicator_for_bars(self.config.bar_type, self.lazy)
        self.subscribe_bars(self.config.bar_type)

    def on_bar(self, bar: Bar) -> None:
        """Order at a crossing, and at the end."""
        self.seen += 1
        if self.seen == self.config.last:
            self.order(bar, -self.held)
            return
        if not self.lazy.initialized:
            return
        relation = (self.quick.value > self.lazy.value) - (self.quick.value < self.lazy.value)
        if relation and self.relation == -relation:
            self.trades += 1
            self.order(bar, relation * self.config.units - self.held)
        self.relation = relation or self.relation

    def order(self, bar: Bar, quantity: int) -> None:
        """A market order for a signed quantity."""
        if quantity:
            side = OrderSide.BUY if quantity > 0 else OrderSide.SELL
            instrument = bar.bar_type.instrument_id
            self.submit_order(self.order_factory.market(instrument, side, Quantity.from_int(abs(quantity))))
            self.held += quantity


def run(frame: pd.DataFrame, cell: dict[str, Any]) -> tuple[float, int, float]:
    """Final equity, trades, and seconds of the engine's run alone."""
    venue = Venue("SIM")
    instrument = Equity(
        instrument_id=InstrumentId(Symbol("RND"), venue),
        raw_symbol=Symbol("RND"),
        currency=USD,
        price_precision=4,
        price_increment=Price.from_str("0.0001"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
    )
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    bars = BarDataWrangler(bar_type, instrument).process(frame, default_volume=DEPTH)
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(cell["cash"], USD)],
        default_leverage=Decimal(1),
    )
    engine.add_instrument(instrument)
    engine.add_data(bars)
    settings = {**cell["params"], "units": cell["units"], "last": len(bars), "bar_type": bar_type}
    strategy = Cross(CrossConfig(**settings))
    engine.add_strategy(strategy)
    started = time.perf_counter()
    engine.run()
    seconds = time.perf_counter() - started
    equity = engine.portfolio.account(venue).balance_total(USD).as_double()
    engine.dispose()
    return equity, strategy.trades, seconds


def main() -> None:
    """Answer one request."""
    figures = {}
    for cell in json.load(sys.stdin):
        frame = pd.read_csv(cell["file"], index_col=0, parse_dates=True).rename(columns=str.lower)
        frame = frame[["open", "high", "low", "close"]].tz_localize("UTC")
        inner, alone = [], []
        for _ in range(cell["rounds"]):
            started = time.perf_counter()
            equity, trades, seconds = run(frame, cell)
            inner.append(time.perf_counter() - started)
            alone.append(seconds)
        figures[cell["id"]] = {"equity_final": equity, "trades": trades, "seconds": inner, "engine_seconds": alone}
    json.dump({"version": version("nautilus_trader"), "cells": figures}, sys.stdout)


if __name__ == "__main__":
    main()
