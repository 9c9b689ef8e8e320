"""The journal is enough: a broker made from it goes on as if nothing had happened, wherever the journal ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_engine.events import (
    AnyBody,
    BarClosed,
    Body,
    Decided,
    OrderIntent,
    StrategyStarted,
    StrategyStopped,
    decoder,
    encoder,
)
from live_engine.paper.broker import OTHERWISE, PaperBroker, restored
from live_engine.paper.settings import StrategySettings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pi5_pipelines.backtest.bars import Bars

ENTRIES = [
    StrategySettings(name="sma_cross", symbol="RND", params={"fast": 3, "slow": 8}, warm_up_bars=20, fee_bps=5.0),
    StrategySettings(name="atr_breakout", symbol="RND", params={"channel": 8, "ranges": 5}, slippage_bps=3.0),
    StrategySettings(name="random_orders", symbol="RND", warm_up_bars=5),
    StrategySettings(name="sma_cross", symbol="ELSE"),
]


def from_disk(bodies: Sequence[Body]) -> list[AnyBody]:
    return [decoder.decode(encoder.encode(body)) for body in bodies]


def run(broker: PaperBroker, bars: Sequence[BarClosed]) -> list[Body]:
    return [body for bar in bars for body in broker.on_bar(bar)]


def begin(entries: Sequence[StrategySettings], bars: Sequence[BarClosed], warm: int) -> tuple[PaperBroker, list[Body]]:
    broker = PaperBroker(entries)
    return broker, [body for entry in entries for body in broker.start(entry.key, bars[:warm])]


def last_ns(bodies: Sequence[Body]) -> int:
    return max((b.ts_ns for b in bodies if isinstance(b, BarClosed) and not b.strategy), default=-1)


def of_each(bodies: Sequence[Body]) -> dict[str, list[Body]]:
    """What each strategy said, by its name; bars apart."""
    found: dict[str, list[Body]] = {}
    for body in bodies:
        order = getattr(body, "client_order_id", "")
        name = getattr(body, "strategy", "") or order.partition("-")[0] or "bars"
        found.setdefault(name, []).append(body)
    return found


@given(seed=st.integers(0, 1_000), cut=st.floats(0.0, 1.0))
@settings(max_examples=30)
def test_a_restart_anywhere_equals_the_uninterrupted_run(
    seed: int, cut: float, random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(seed, 120, volatility=0.05))
    broker, started = begin(ENTRIES, bars, 30)
    whole = started + run(broker, bars[30:])
    end = len(started) + int(cut * (len(whole) - len(started)))
    journal = whole[:end]
    again, owed = restored(ENTRIES, from_disk(journal))
    journal += owed
    journal += run(again, [bar for bar in bars[30:] if bar.ts_ns > last_ns(journal)])
    assert of_each(journal) == of_each(whole)
    assert again.state() == broker.state()


def test_a_journal_that_is_whole_is_owed_nothing(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(3, 200))
    broker, whole = begin(ENTRIES, bars, 30)
    whole += run(broker, bars[30:])
    again, owed = restored(ENTRIES, from_disk(whole))
    assert owed == []
    assert again.start(("sma_cross", "RND"), bars) == []
    assert run(again, bars) == []


@pytest.mark.parametrize("cut", [0, 1, 47, 118])
def test_a_state_kept_at_some_bar_saves_folding_what_came_before(
    cut: int, random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(7, 150, volatility=0.05))
    broker, _ = begin(ENTRIES, bars, 30)
    run(broker, bars[30 : 30 + cut])
    state = broker.state()
    tail = run(broker, bars[30 + cut :])
    again, owed = restored(ENTRIES, from_disk(tail), state)
    assert owed == []
    assert again.state() == broker.state()


def test_the_warm_up_of_one_is_not_traded_by_another(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(11, 120, volatility=0.05))
    early, late = ENTRIES[0], ENTRIES[2]
    broker = PaperBroker([early, late])
    journal = broker.start(early.key, bars[:20]) + run(broker, bars[20:60])
    journal += broker.start(late.key, bars[:60]) + run(broker, bars[60:])
    alone, told = begin([early], bars, 20)
    assert of_each(journal)["sma_cross"] == of_each(told + run(alone, bars[20:]))["sma_cross"]
    again, owed = restored([early, late], from_disk(journal))
    assert owed == []
    assert again.state() == broker.state()


def test_what_a_person_stopped_stays_stopped_and_begins_anew_when_started(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(5, 150, volatility=0.05))
    entry = ENTRIES[1]
    broker, journal = begin([entry], bars, 0)
    journal += run(broker, bars[:60])
    stopped = broker.stop(entry.key)
    assert stopped[0] == StrategyStopped(strategy="atr_breakout", symbol="RND")
    journal += stopped + run(broker, bars[60:90])
    assert not [b for b in journal[journal.index(stopped[0]) :] if isinstance(b, OrderIntent)]
    again, owed = restored([entry], from_disk(journal))
    assert owed == []
    assert again.state() == broker.state()
    assert broker.start(entry.key, bars[:90]) == []
    anew = broker.start(entry.key, bars[:90], anew=True) + run(broker, bars[90:])
    assert isinstance(anew[0], StrategyStarted)
    assert any(isinstance(body, OrderIntent) for body in anew)
    journal += anew
    assert restored([entry], from_disk(journal))[0].state() == broker.state()


@pytest.mark.parametrize(
    "changed",
    [
        msgspec.structs.replace(ENTRIES[0], params={"fast": 4, "slow": 8}),
        msgspec.structs.replace(ENTRIES[0], cash=5_000.0),
        msgspec.structs.replace(ENTRIES[0], slippage_bps=50.0),
    ],
    ids=["params", "cash", "costs"],
)
def test_a_strategy_whose_settings_changed_is_stopped_and_the_others_go_on(
    changed: StrategySettings, random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = closed(random_bars(5, 150, volatility=0.05))
    broker, journal = begin(ENTRIES, bars, 30)
    journal += run(broker, bars[30:130])
    state, tail = broker.state(), run(broker, bars[130:140])
    journal += tail
    stopped = StrategyStopped(strategy="sma_cross", symbol="RND", error=OTHERWISE)
    entries = [changed, *ENTRIES[1:]]
    assert restored(entries, from_disk(tail), state)[1] == [stopped]
    again, owed = restored(entries, from_disk(journal))
    assert owed == [stopped]
    assert restored(entries, from_disk(journal + owed))[1] == []
    told = run(again, bars[140:])
    assert not [b for b in told if isinstance(b, Decided)]
    assert of_each(told)["random_orders"] == of_each(run(broker, bars[140:]))["random_orders"]
