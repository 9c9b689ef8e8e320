"""A strategy that fails stops itself: what it held and the exits it has stay, and the others go on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from live_engine.errors import SettingsError
from live_engine.events import BarClosed, Body, OrderFilled, OrderIntent, StrategyStarted, StrategyStopped
from live_engine.paper.broker import PaperBroker, restored
from live_engine.paper.settings import StrategySettings, check_strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

RAISES = StrategySettings(name="raises", symbol="RND")
HOLDS = StrategySettings(name="buy_and_hold", symbol="RND")


def run(entries: list[StrategySettings], bars: list[BarClosed]) -> tuple[PaperBroker, list[Body]]:
    broker = PaperBroker(entries)
    told = [body for entry in entries for body in broker.start(entry.key, bars[:0])]
    return broker, told + [body for bar in bars for body in broker.on_bar(bar)]


def test_a_strategy_that_raises_is_stopped_once_with_what_and_where(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(1, 20))
    _, told = run([RAISES, HOLDS], bars)
    stops = [body for body in told if isinstance(body, StrategyStopped)]
    assert len(stops) == 1
    assert stops[0].error == "ZeroDivisionError: float division by zero (raises.py, line 26)"
    sixth = told.index(bars[5])
    assert sixth < told.index(stops[0]) < told.index(bars[6])
    assert [b for b in told if b != stops[0] and getattr(b, "strategy", "") != "raises"] == [
        b for b in run([HOLDS], bars)[1] if getattr(b, "strategy", "") != "raises"
    ]


def test_its_failure_is_found_again_after_a_restart(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(1, 20))
    broker, told = run([RAISES, HOLDS], bars)
    again, owed = restored([RAISES, HOLDS], told)
    assert owed == []
    assert again.state() == broker.state()
    cut = next(at for at, body in enumerate(told) if isinstance(body, StrategyStopped))
    _, owed = restored([RAISES, HOLDS], told[:cut])
    assert owed == [told[cut]]


def test_what_failed_then_stays_stopped_though_its_code_would_go_on_today(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(1, 20))
    _, told = run([HOLDS], bars[:1])
    failed = StrategyStopped(strategy="buy_and_hold", symbol="RND", error="ValueError: of old")
    journal = [body for body in told if isinstance(body, StrategyStarted | BarClosed)] + [failed]
    again, owed = restored([HOLDS], journal)
    assert owed == []
    assert [body for bar in bars[1:] for body in again.on_bar(bar) if not isinstance(body, BarClosed)] == []


def test_exits_of_a_stopped_strategy_go_on_working(goog: Bars, closed: Callable[..., list[BarClosed]]) -> None:
    entry = StrategySettings(name="atr_breakout", symbol="GOOG", direction="long")
    bars = closed(goog)
    broker = PaperBroker([entry])
    broker.start(entry.key, [])
    desk = broker.desks[entry.key]
    rest = iter(bars)
    for bar in rest:
        broker.on_bar(bar)
        if desk.account.position > 0.0:
            break
    broker.stop(entry.key)
    assert len(desk.account.orders()) == 3
    told = [body for bar in rest for body in broker.on_bar(bar)]
    assert desk.account.position == 0.0
    assert desk.account.orders() == []
    assert desk.state().orders == {}
    assert any(isinstance(body, OrderFilled) for body in told)
    assert not any(isinstance(body, OrderIntent) for body in told)


def test_a_strategy_that_raises_while_it_warms_up_does_not_start(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(1, 20))
    entry = StrategySettings(name="raises", symbol="RND", warm_up_bars=10)
    broker = PaperBroker([entry])
    told = broker.start(entry.key, bars)
    assert isinstance(told[6], StrategyStopped)
    assert not any(isinstance(body, StrategyStarted) for body in told)
    assert broker.on_bar(bars[-1]) == []
    assert told[-1] == told[6]
    again, owed = restored([entry], told)
    assert (owed, again.state()) == ([], broker.state())
    assert broker.start(entry.key, bars) == []


def test_warming_up_teaches_and_trades_nothing(goog: Bars, closed: Callable[..., list[BarClosed]]) -> None:
    bars = closed(goog)
    entry = StrategySettings(name="sma_cross", symbol="GOOG", warm_up_bars=100)
    broker = PaperBroker([entry])
    told = broker.start(entry.key, bars[:300])
    assert [body.ts_ns for body in told[:-1] if isinstance(body, BarClosed)] == [bar.ts_ns for bar in bars[200:300]]
    assert told[-1] == StrategyStarted(
        strategy="sma_cross",
        symbol="GOOG",
        params={"fast": 10.0, "slow": 30.0},
        warm_up_bars=100,
        settings={
            "cash": 10_000.0,
            "timeframe": "1d",
            "fee_bps": 0.0,
            "slippage_bps": 0.0,
            "fill": "next-open",
            "sizing": "all-in",
            "direction": "both",
            "lot": 1.0,
            "tick": 0.0,
            "session_ends_s": 86_400.0,
        },
    )
    account = broker.desks[entry.key].account
    assert (account.cash, account.position, account.orders()) == (10_000.0, 0.0, [])
    decided = broker.on_bar(bars[300])[1:]
    assert [type(body).__name__ for body in decided] == ["Decided"]  # the averages were full at once


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"name": "nosuch"}, "no such strategy"),
        ({"name": "sma_cross", "params": {"fats": 3}}, "has no parameter 'fats'"),
        ({"name": "sma_cross", "params": {"fast": 30, "slow": 10}}, "fast=30 must be smaller than slow=10"),
        ({"name": "pairs_trading"}, "it trades many symbols"),
        ({"name": "sma_cross", "timeframe": "2d"}, "there is no timeframe '2d'"),
        ({"name": "sma_cross", "sizing": "half"}, 'use "all-in"'),
    ],
)
def test_an_entry_that_cannot_trade_is_refused_with_its_name(entry: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError) as caught:
        check_strategies([StrategySettings(symbol="GOOG", **entry)])  # type: ignore[arg-type]  # fields by name
    assert message in caught.value.what
    assert caught.value.where == f"strategy {entry['name']} on GOOG"
    assert caught.value.hint


def test_a_strategy_is_on_a_symbol_once() -> None:
    with pytest.raises(SettingsError, match="there are 2 entries"):
        check_strategies([HOLDS, RAISES, HOLDS])
