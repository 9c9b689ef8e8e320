"""Prices replayed through the stream and the paper broker are traded as the backtester trades them, to the cent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_engine.events import BarClosed, Body, OrderExpired, OrderFilled, OrderIntent
from live_engine.paper.broker import PaperBroker
from live_engine.paper.settings import StrategySettings
from live_engine.streams.replay import replay_file
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult

COSTS: dict[str, Any] = {"fee_bps": 5.0, "slippage_bps": 2.0}


def spec_of(entry: StrategySettings) -> BacktestSpec:
    return BacktestSpec(
        strategy=entry.name,
        params=entry.params,
        cash=entry.cash,
        fee_bps=entry.fee_bps,
        slippage_bps=entry.slippage_bps,
        fill=entry.fill,
        sizing=entry.sizing,
        direction=entry.direction,
        close_at_end=False,
    )


def traded(bodies: Sequence[Body]) -> list[tuple[int, str, float, float, float]]:
    sides = {body.client_order_id: body.side for body in bodies if isinstance(body, OrderIntent)}
    return [
        (b.traded_ns // 1_000, sides[b.client_order_id], float(b.quantity), float(b.price), float(b.fee))
        for b in bodies
        if isinstance(b, OrderFilled)
    ]


def backtested(result: BacktestResult) -> list[tuple[int, str, float, float, float]]:
    times = result.fills["ts"].dt.epoch("us")
    columns = (result.fills[name] for name in ("side", "quantity", "price", "fee"))
    return list(zip(times, *columns, strict=True))


def cash_of(entry: StrategySettings, bodies: Sequence[Body]) -> Decimal:
    """Cash by the journal alone."""
    cash = Decimal(repr(entry.cash))
    signs = {b.client_order_id: 1 if b.side == "sell" else -1 for b in bodies if isinstance(b, OrderIntent)}
    for body in bodies:
        if isinstance(body, OrderFilled):
            cash += signs[body.client_order_id] * body.quantity * body.price - body.fee
    return cash


ENTRIES = [
    StrategySettings(name="sma_cross", symbol="GOOG", params={"fast": 10, "slow": 30}, **COSTS),
    StrategySettings(name="sma_cross", symbol="GOOG", fill="close", direction="long", **COSTS),
    StrategySettings(name="donchian_breakout", symbol="GOOG", sizing="all-in-fractional", **COSTS),
    StrategySettings(name="rsi_mean_reversion", symbol="GOOG", sizing="units=7", **COSTS),
    StrategySettings(name="atr_breakout", symbol="GOOG", **COSTS),
    StrategySettings(name="triple_screen", symbol="GOOG"),
]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.name}-{entry.fill}")
def test_all_of_goog_replayed_gives_the_backtesters_trades(
    entry: StrategySettings, goog_file: Path, goog: Bars
) -> None:
    broker, bodies = PaperBroker([entry]), list[Body]()

    async def replay() -> None:
        async for update in replay_file(goog_file, "GOOG", "1d", speed=0.0, clock=lambda: 0):
            assert isinstance(update, BarClosed)
            bodies.extend(broker.on_bar(update))

    broker.start(entry.key, [])
    asyncio.run(replay())
    result = run_backtest(spec_of(entry), [goog], interpreted=True)
    assert traded(bodies) == backtested(result)
    assert result.fills.height > 10
    account = broker.desks[entry.key].account
    assert account.cash == result.cash[-1]
    assert account.cash + account.position * goog.close[-1] == result.equity[-1]
    assert cash_of(entry, bodies) == pytest.approx(Decimal(repr(float(result.cash[-1]))), abs=Decimal("0.005"))
    assert sum(isinstance(body, BarClosed) for body in bodies) == len(goog)


@given(
    entry=st.builds(
        StrategySettings,
        name=st.sampled_from(["sma_cross", "bollinger_reversion", "buy_and_hold", "random_orders", "atr_breakout"]),
        symbol=st.just("RND"),
        cash=st.sampled_from([50.0, 1_000.0, 20_000.0]),
        fee_bps=st.sampled_from([0.0, 25.0]),
        slippage_bps=st.sampled_from([0.0, 50.0]),
        fill=st.sampled_from(["next-open", "close"]),
        sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
        direction=st.sampled_from(["both", "long"]),
    ),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=30)
def test_any_walk_gives_the_backtesters_trades(
    entry: StrategySettings, seed: int, random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = random_bars(seed, 80, volatility=0.05)
    broker = PaperBroker([entry])
    broker.start(entry.key, [])
    bodies = [body for bar in closed(bars) for body in broker.on_bar(bar)]
    result = run_backtest(spec_of(entry), [bars], interpreted=True)
    assert [row[:2] + row[3:] for row in traded(bodies)] == [row[:2] + row[3:] for row in backtested(result)]
    for ours, theirs in zip(traded(bodies), backtested(result), strict=True):
        assert ours[2] == pytest.approx(theirs[2], rel=1e-12)  # the last part of an order takes what rounding left
    assert broker.desks[entry.key].account.cash == result.cash[-1]


@pytest.mark.parametrize(("name", "params"), [("atr_breakout", {"channel": 12}), ("random_orders", {})])
def test_sessions_begin_and_end_at_midnight_with_hourly_bars(
    name: str, params: dict[str, float], random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = replace(random_bars(9, 1_000, volatility=0.01, step_us=3_600_000_000), timeframe="1h")
    entry = StrategySettings(name=name, symbol="RND", timeframe="1h", params=params, **COSTS)
    broker = PaperBroker([entry])
    broker.start(entry.key, [])
    bodies = [body for bar in closed(bars, "1h") for body in broker.on_bar(bar)]
    result = run_backtest(spec_of(entry), [bars], interpreted=True)
    assert traded(bodies) == backtested(result)
    assert broker.desks[entry.key].account.cash == result.cash[-1]
    expired = [body for body in bodies if isinstance(body, OrderExpired)]
    assert result.orders is not None
    assert len(expired) == result.orders["event"].to_list().count("expired") > 3
