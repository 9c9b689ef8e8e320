"""What live strategies trade is what the backtester trades; facts explain themselves, and nothing else does."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from live_engine.events import (
    BarClosed,
    CancelRequested,
    Event,
    KillSwitchRearmed,
    KillSwitchSet,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    StrategyStarted,
    StrategyStopped,
    decoder,
    encoder,
)
from live_engine.paper.broker import PaperBroker
from live_engine.paper.settings import StrategySettings
from pi5_pipelines.trading_day.check import ReplayCheck, replay_check
from pi5_pipelines.trading_day.journal_days import DAY_NS, begin_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from live_engine.events import Body, KillAction

    Bars = Callable[..., list[BarClosed]]

pytestmark = pytest.mark.usefixtures("_own_strategies")
DAY = date(2026, 3, 2)
PARAMS = {"seed": 9.0, "bad": 0.1}


def strategy(name: str, **more: Any) -> StrategySettings:  # noqa: ANN401 - its fields
    return StrategySettings(name=name, symbol="RND", **more)


ALL = [
    strategy("sma_cross", params={"fast": 2, "slow": 4}, fee_bps=3.0, slippage_bps=2.0),
    strategy("atr_breakout", fee_bps=1.0, tick=0.01, lot=0.1, cash=25_000.0),
    strategy("rsi_mean_reversion", fill="close", direction="long", sizing="units=7"),
    strategy("random_orders", params=PARAMS, tick=0.05, slippage_bps=1.0),
]


def events_of(bodies: Iterable[Body], day: date = DAY, first: int = 1) -> list[Event]:
    """Bodies as the journal gives them back, all at noon of a day."""
    noon = begin_ns(day) + DAY_NS // 2
    return [
        Event(seq=seq, wall_ns=noon, mono_ns=seq, body=decoder.decode(encoder.encode(body)))
        for seq, body in enumerate(bodies, start=first)
    ]


def begun(settings: Sequence[StrategySettings], history: Sequence[BarClosed] = ()) -> tuple[PaperBroker, list[Body]]:
    broker = PaperBroker(settings)
    return broker, [body for one in settings for body in broker.start(one.key, history)]


def traded(settings: Sequence[StrategySettings], bars: Sequence[BarClosed]) -> list[Body]:
    broker, told = begun(settings)
    return told + [body for bar in bars for body in broker.on_bar(bar)]


def kinds(bodies: Iterable[Body], kind: type[Any]) -> list[Any]:
    return [body for body in bodies if isinstance(body, kind)]


def assert_same(found: ReplayCheck, least: int = 20) -> None:
    assert found.differences == []
    assert (found.difference, found.good) == (Decimal(0), True)
    assert found.agreed == found.live == found.simulated >= least


@pytest.mark.parametrize("timeframe", ["1d", "1h"])
def test_strategies_of_every_kind_trade_as_the_backtester_does(closed: Bars, timeframe: str) -> None:
    bars = closed(3, 250, timeframe=timeframe)
    settings = [msgspec.structs.replace(one, timeframe=timeframe, session_ends_s=72_000) for one in ALL]
    found = replay_check(events_of(traded(settings, bars)), DAY)
    assert_same(found, 200)
    assert found.bars == 4 * 250
    assert found.facts == {}
    assert "trades are those of the backtester" in found.sentence


def test_it_begins_where_the_strategy_began_with_what_it_had_learnt(closed: Bars) -> None:
    bars = closed(4, 200)
    settings = [msgspec.structs.replace(one, warm_up_bars=30) for one in ALL]
    broker, told = begun(settings, bars[:50])
    told += [body for bar in bars[50:] for body in broker.on_bar(bar)]
    assert len([body for body in kinds(told, BarClosed) if body.strategy]) == 4 * 30
    assert_same(replay_check(events_of(told), DAY))


def test_only_the_day_counts_but_all_before_it_is_traded(closed: Bars) -> None:
    bars = closed(5, 200)
    broker, told = begun(ALL)
    told += [body for bar in bars[:150] for body in broker.on_bar(bar)]
    today = [body for bar in bars[150:] for body in broker.on_bar(bar)]
    events = [*events_of(told, date(2026, 3, 1)), *events_of(today, DAY, len(told) + 1)]
    found = replay_check(events, DAY)
    assert_same(found)
    assert found.live == len(kinds(today, OrderFilled))
    assert found.bars == 4 * 50


def test_what_risk_denied_is_a_fact(closed: Bars) -> None:
    broker, told = begun(ALL)
    asked = 0

    def check(intent: OrderIntent) -> OrderDenied | None:
        nonlocal asked
        asked += 1
        name = intent.client_order_id
        return OrderDenied(client_order_id=name, rule="exposure", reason="too much") if asked % 3 == 0 else None

    for bar in closed(6, 250):
        told += broker.on_bar(bar, check)
    found = replay_check(events_of(told), DAY)
    assert_same(found)
    denied = [one for one in kinds(told, OrderDenied) if one.rule == "exposure"]
    assert found.facts == {"orders that risk denied": len(denied)}
    # The same without the facts is another story.
    rest = [body for body in told if not isinstance(body, OrderDenied)]
    assert len(replay_check(events_of(rest), DAY).differences) > 10


@pytest.mark.parametrize("action", ["halt", "cancel-all", "flatten"])
def test_the_kill_switch_is_a_fact(closed: Bars, action: KillAction) -> None:
    broker, told = begun(ALL)
    for at, bar in enumerate(closed(7, 250)):
        told += broker.on_bar(bar)
        if at % 25 == 20:
            told.append(KillSwitchSet(action=action, actor="ann", reason="a test"))
            told += [body for bodies in broker.on_kill(action).values() for body in bodies]
        elif at % 25 == 22:
            told.append(KillSwitchRearmed(actor="risk"))  # changes nothing
            told.append(KillSwitchRearmed(actor="ann"))
            broker.rearm()
    found = replay_check(events_of(told), DAY)
    assert_same(found)
    assert found.facts == {"uses of the kill switch": 10}


def test_orders_cancelled_by_hand_are_a_fact(closed: Bars) -> None:
    broker, told = begun([ALL[1], ALL[3]])
    cancelled = 0
    for bar in closed(8, 250):
        told += broker.on_bar(bar)
        for order in broker.working()[:1]:
            told.append(CancelRequested(client_order_id=order.client_order_id, actor="ann"))
            told += [body for bodies in broker.cancel(order.client_order_id).values() for body in bodies]
            cancelled += 1
    found = replay_check(events_of(told), DAY)
    assert_same(found)
    assert found.facts["orders cancelled by hand"] > 50
    assert cancelled >= found.facts["orders cancelled by hand"]


def test_a_strategy_that_raised_or_was_stopped_and_began_anew_is_followed(closed: Bars) -> None:
    bars = closed(9, 200)
    broker, told = begun([*ALL, strategy("raises")])
    for at, bar in enumerate(bars):
        if at == 100:
            told += broker.stop(("sma_cross", "RND"))
        if at == 120:
            told += broker.start(("sma_cross", "RND"), bars[:120], anew=True)
        told += broker.on_bar(bar)
    found = replay_check(events_of(told), DAY)
    assert_same(found)
    assert found.facts == {"strategies that were stopped": len(kinds(told, StrategyStopped))}
    assert found.facts["strategies that were stopped"] == 2
    silent = [body for body in told if not (isinstance(body, StrategyStopped) and body.strategy == "raises")]
    (raised,) = replay_check(events_of(silent), DAY).raised
    assert raised.startswith("strategy raises on RND raised here: ZeroDivisionError")


def tampered(bodies: Sequence[Body], kind: str) -> tuple[list[Body], OrderFilled]:
    """The bodies with one fill in their middle made otherwise, and that fill as it was."""
    fills = kinds(bodies, OrderFilled)
    victim = fills[len(fills) // 2]
    at = bodies.index(victim)
    other: list[OrderFilled] = {
        "price": [msgspec.structs.replace(victim, price=victim.price + Decimal("0.0001"))],
        "fee": [msgspec.structs.replace(victim, fee=victim.fee + Decimal("0.01"))],
        "quantity": [msgspec.structs.replace(victim, quantity=victim.quantity - 1)],
        "gone": [],
        "twice": [victim, msgspec.structs.replace(victim, fill_id="another")],
    }[kind]
    return [*bodies[:at], *other, *bodies[at + 1 :]], victim


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("price", "different"),
        ("fee", "different"),
        ("quantity", "different"),
        ("gone", "only simulated"),
        ("twice", "only live"),
    ],
)
def test_a_fill_that_was_tampered_with_is_listed_with_both_sides(closed: Bars, kind: str, expected: str) -> None:
    bodies, victim = tampered(traded(ALL, closed(3, 120)), kind)
    found = replay_check(events_of(bodies), DAY)
    (difference,) = found.differences
    assert (difference.kind, difference.cause, found.good) == (expected, "", False)
    assert found.agreed == max(found.live, found.simulated) - 1
    assert found.difference == abs(difference.cash) > 0
    if difference.live is not None and kind != "twice":
        assert difference.live.client_order_id == victim.client_order_id
    if difference.simulated is not None:
        simulated = difference.simulated
        assert (simulated.price, simulated.fee) == (victim.price, victim.fee)
        assert simulated.ts_ns == victim.traded_ns
    if kind == "fee":
        assert difference.cash == Decimal("-0.01")


def test_a_bar_that_was_tampered_with_makes_other_trades(closed: Bars) -> None:
    bodies = traded(ALL, closed(3, 250))
    at = [at for at, body in enumerate(bodies) if isinstance(body, BarClosed)][120]
    bar = bodies[at]
    assert isinstance(bar, BarClosed)
    bodies[at] = msgspec.structs.replace(bar, open=bar.low, close=bar.high)
    assert not replay_check(events_of(bodies), DAY).good


def test_a_journal_without_settings_says_that_it_cannot_be_checked(closed: Bars) -> None:
    bodies = traded(ALL[:2], closed(3, 100))
    for at, body in enumerate(bodies):
        if isinstance(body, StrategyStarted) and body.strategy == "sma_cross":
            text = encoder.encode(body)
            assert b"settings" in text
            bodies[at] = msgspec.structs.replace(body, settings={})
            assert b"settings" not in encoder.encode(bodies[at])  # as journals of before had it
    found = replay_check(events_of(bodies), DAY)
    assert (found.differences, found.good) == ([], False)
    (told,) = found.unchecked
    assert told.startswith("strategy sma_cross on RND: the journal has no settings of it (its trades of this time")
    assert 0 < found.agreed < found.live
    unknown = [
        msgspec.structs.replace(one, settings={**one.settings, "fill": "noon"})
        if isinstance(one, StrategyStarted)
        else one
        for one in bodies
    ]
    assert "settings that are unknown here" in replay_check(events_of(unknown), DAY).unchecked[0]


def test_a_day_without_trades_is_good_and_says_so(closed: Bars) -> None:
    found = replay_check([], DAY)
    assert (found.good, found.sentence) == (True, "no strategy traded, and none should have")
    idle = replay_check(events_of([*begun(ALL[:1])[1], *closed(1, 3)]), DAY)
    assert (idle.good, idle.live, idle.simulated, idle.bars) == (True, 0, 0, 3)
