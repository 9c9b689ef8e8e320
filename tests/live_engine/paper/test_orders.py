"""Every order of the paper broker has a life that can be told, whatever the strategy asks for."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from live_engine.events import (
    BarClosed,
    Decided,
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderIntent,
    OrderRejected,
    OrderSubmitted,
    StrategyStarted,
    type_of,
)
from live_engine.paper.broker import PaperBroker
from live_engine.paper.settings import StrategySettings
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from trading.slippage import Slippage

if TYPE_CHECKING:
    from collections.abc import Callable

    from live_engine.events import Body
    from pi5_pipelines.backtest.bars import Bars
    from trading.frictions import Frictions

ENDS = (OrderCanceled, OrderExpired, OrderRejected)


class ThinMarket(StrategySettings, frozen=True):
    """An entry in whose market a bar's volume fills a part of an order only."""

    def frictions(self) -> Frictions:
        """As ever, but for the volume."""
        return StrategySettings.frictions(self)._replace(slippage=Slippage(volume_limit=0.0002))


def run(entry: StrategySettings, bars: list[BarClosed]) -> list[Body]:
    broker = PaperBroker([entry])
    told = broker.start(entry.key, [])
    return told + [body for bar in bars for body in broker.on_bar(bar)]


@given(
    seed=st.integers(0, 10_000),
    name=st.sampled_from(["random_orders", "atr_breakout", "triple_screen", "sma_cross"]),
    cash=st.sampled_from([300.0, 20_000.0]),
    fill=st.sampled_from(["next-open", "close"]),
    kind=st.sampled_from([StrategySettings, ThinMarket]),
)
@settings(max_examples=30)
def test_an_order_is_wanted_then_sent_then_answered_and_ends_once(
    seed: int,
    name: str,
    cash: float,
    fill: str,
    kind: type[StrategySettings],
    random_bars: Callable[..., Bars],
    closed: Callable[..., list[BarClosed]],
) -> None:
    entry = kind(name=name, symbol="RND", cash=cash, fill=fill)  # type: ignore[arg-type]  # one of two
    lives: dict[str, list[Body]] = defaultdict(list)
    for body in run(entry, closed(random_bars(seed, 120, volatility=0.05))):
        if hasattr(body, "client_order_id"):
            lives[body.client_order_id].append(body)
    for order, life in lives.items():
        told = [type_of(body) for body in life]
        if isinstance(life[0], OrderDenied):
            assert told == ["OrderDenied"], order
            continue
        assert isinstance(life[0], OrderIntent), (order, told)
        assert isinstance(life[1], OrderSubmitted), (order, told)
        assert isinstance(life[2], OrderAccepted | OrderRejected | OrderCanceled), (order, told)
        assert told.count("OrderIntent") == told.count("OrderSubmitted") == 1, (order, told)
        assert not any(isinstance(body, ENDS) for body in life[:-1]), (order, told)
        fills = [body for body in life if isinstance(body, OrderFilled)]
        filled = sum((body.quantity for body in fills), Decimal(0))
        assert filled <= life[0].quantity, (order, told)
        assert [body.fill_id for body in fills] == [str(k + 1) for k in range(len(fills))]
        if isinstance(life[-1], OrderFilled):
            assert filled == life[0].quantity or life[0].order_type != "market", (order, told)
        if isinstance(life[-1], ENDS):
            assert filled < life[0].quantity or isinstance(life[-1], OrderRejected), (order, told)


def test_a_bracket_is_told_with_parent_group_and_prices(goog: Bars, closed: Callable[..., list[BarClosed]]) -> None:
    entry = StrategySettings(name="atr_breakout", symbol="GOOG", direction="long")
    told = run(entry, closed(goog)[:200])
    intents = [body for body in told if isinstance(body, OrderIntent)]
    parent = next(body for body in intents if not body.parent)
    children = [body for body in intents if body.parent == parent.client_order_id]
    assert (parent.order_type, parent.side, parent.time_in_force, parent.reduce_only) == ("stop", "buy", "day", False)
    assert [child.order_type for child in children] == ["stop", "trailing_stop", "limit"]
    assert {(child.group, child.reduce_only, child.side) for child in children} == {
        (parent.client_order_id, True, "sell")
    }
    stop, trailing, limit = children
    assert stop.stop_price is not None
    assert limit.limit_price is not None
    assert parent.stop_price is not None
    assert stop.stop_price < parent.stop_price < limit.limit_price
    assert trailing.trail is not None
    assert trailing.trail > 0
    placed_on = next(bar for bar in closed(goog) if bar.close == parent.decision_price)
    assert parent.client_order_id == f"atr_breakout-GOOG-{placed_on.ts_ns // 10**9}-1"


def test_a_target_is_told_as_a_decision_and_then_as_a_market_order_of_what_it_traded(
    goog: Bars, closed: Callable[..., list[BarClosed]]
) -> None:
    entry = StrategySettings(name="sma_cross", symbol="GOOG")
    told = [body for body in run(entry, closed(goog)[:200]) if not isinstance(body, BarClosed)]
    assert isinstance(told[0], StrategyStarted)
    assert [type_of(body) for body in told[1:6]] == [
        "Decided",
        "OrderIntent",
        "OrderSubmitted",
        "OrderAccepted",
        "OrderFilled",
    ]
    decided, intent, fill = told[1], told[2], told[5]
    assert isinstance(decided, Decided)
    assert isinstance(intent, OrderIntent)
    assert isinstance(fill, OrderFilled)
    assert intent.client_order_id == f"sma_cross-GOOG-{decided.bar_ns // 10**9}-1"
    assert (intent.quantity, intent.decision_price) == (fill.quantity, decided.price)
    assert fill.traded_ns > decided.bar_ns


def test_turning_a_position_round_is_one_order_with_two_fills(
    goog: Bars, closed: Callable[..., list[BarClosed]]
) -> None:
    told = run(StrategySettings(name="sma_cross", symbol="GOOG"), closed(goog)[:400])
    fills: dict[str, list[Decimal]] = defaultdict(list)
    for body in told:
        if isinstance(body, OrderFilled):
            fills[body.client_order_id].append(body.quantity)
    wanted = {body.client_order_id: body.quantity for body in told if isinstance(body, OrderIntent)}
    turns = [order for order, quantities in fills.items() if len(quantities) > 1]
    assert len(turns) > 3
    assert all(sum(fills[order]) == wanted[order] for order in fills)


def test_a_bar_that_was_seen_before_changes_nothing(goog: Bars, closed: Callable[..., list[BarClosed]]) -> None:
    entry = StrategySettings(name="sma_cross", symbol="GOOG")
    bars = closed(goog)[:100]
    again = [bar for n, bar in enumerate(bars) for bar in [*bars[max(0, n - 3) : n], bar, bar]]
    assert run(entry, again) == run(entry, bars)


def test_a_target_that_takes_several_bars_is_an_order_in_each(
    random_bars: Callable[..., Bars], closed: Callable[..., list[BarClosed]]
) -> None:
    bars = random_bars(4, 60)
    entry = ThinMarket(name="buy_and_hold", symbol="RND", cash=100_000.0)
    told = run(entry, closed(bars))
    fills = [body for body in told if isinstance(body, OrderFilled)]
    first = f"buy_and_hold-RND-{bars.ts_us[0] // 10**6}-1"
    assert len(fills) > 3
    assert [fill.client_order_id for fill in fills[:3]] == [first, f"{first}.2", f"{first}.3"]
    wanted = [body.quantity for body in told if isinstance(body, OrderIntent)]
    assert [fill.quantity for fill in fills] == wanted
    thin = FrictionSpec(slippage="volume-share:limit=0.0002:impact=0")
    spec = BacktestSpec(strategy="buy_and_hold", cash=100_000.0, close_at_end=False, frictions=thin)
    expected = run_backtest(spec, [bars], interpreted=True).fills
    assert [(float(fill.quantity), float(fill.price)) for fill in fills] == list(
        zip(expected["quantity"], expected["price"], strict=True)
    )
