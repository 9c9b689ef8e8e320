"""Every row of a sweep through orders, frictions, limits or a calendar is the backtest of that combination."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from pi5_pipelines.sweep import lane
from pi5_pipelines.sweep.lane import Figures, Lane, Market
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("lanes")]

PLACING: dict[str, list[dict[str, float]]] = {
    "atr_breakout": [
        {"channel": channel, "ranges": 3, "stop": stop, "trail": 1.5, "target": 2.5}
        for channel in (3, 7)
        for stop in (0.5, 2)
    ],
    "bollinger_reversion": [{"length": length, "width": width, "stop": 1} for length in (4, 9) for width in (0.7, 1.5)],
}
TARGETS: list[dict[str, float]] = [{"fast": fast, "slow": slow} for fast in (2, 5) for slow in (6, 11)]
ROTATION: list[dict[str, float]] = [
    {"lookback": 6, "skip": skip, "top": top, "hold": 3} for skip in (0, 2) for top in (1, 2)
]

FEES = ["", "percent:7bps", "per-share:0.005:min=1:max=1%", "per-contract:2.25", "tiered:2/5:1e4=1/4"]
MARGINS = [("", 1.0), ("initial=50%:maintenance=25%", 1.7), ("initial=20%:maintenance=15%", 3.0)]


def bundle(margin: tuple[str, float], **others: Any) -> FrictionSpec:  # noqa: ANN401 - the other fields
    return FrictionSpec(margin=margin[0], leverage=margin[1], **others)


QUANTITIES: list[dict[str, float]] = [
    {"lookback": lookback, "open": wide, "longest": 9} for lookback in (4, 9) for wide in (0.7, 1.5)
]
EVERYWHERE: list[dict[str, float]] = [
    {"highs": highs, "ranges": 3, "most": 2, "stop": 1, "target": target} for highs in (3, 7) for target in (1, 3)
]
POOLED = {"pairs_trading": QUANTITIES, "high_breakout": EVERYWHERE, "momentum_rotation": ROTATION}

frictions = st.builds(
    bundle,
    fees=st.sampled_from(FEES),
    spread=st.sampled_from(["", "3bps", "0.02", "1tick"]),
    slippage=st.sampled_from(["", "ticks:1", "volume-share:limit=0.025:impact=0.1"]),
    impact=st.sampled_from(["", "sqrt:1:bars=20"]),
    latency=st.sampled_from(["", "1bar", "2bars"]),
    margin=st.sampled_from(MARGINS),
    borrow_pct=st.sampled_from([0.0, 3.0]),
    funding_pct=st.sampled_from([0.0, 0.01, -0.02]),
    interest_pct=st.sampled_from([0.0, 2.0]),
    debit_pct=st.sampled_from([0.0, 6.0]),
    dividends=st.booleans(),
    tick=st.just(0.01),
)
specs = st.builds(
    BacktestSpec,
    strategy=st.just("buy_and_hold"),
    cash=st.sampled_from([500.0, 10_000.0, 1e7]),
    slippage_bps=st.sampled_from([0.0, 2.0]),
    fill=st.sampled_from(["next-open", "close"]),
    sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
    direction=st.sampled_from(["both", "long"]),
    close_at_end=st.booleans(),
    frictions=frictions,
)


def paying(bars: Bars) -> Bars:
    """The bars with a dividend of 0.5 at every seventh."""
    return replace(bars, dividends=np.where(np.arange(len(bars)) % 7 == 3, 0.5, 0.0))


def test_every_strategy_that_places_orders_or_names_quantities_has_combinations_here() -> None:
    found = {name for name in strategies.names() if strategies.find(name).names_quantities}
    assert found == set(PLACING) | set(POOLED) - {"momentum_rotation"}


@pytest.mark.parametrize("name", sorted(PLACING))
@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(2, 200))
@settings(max_examples=25)
def test_a_row_of_a_strategy_that_places_orders(
    name: str,
    base: BacktestSpec,
    seed: int,
    length: int,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
) -> None:
    spec = msgspec.structs.replace(base, strategy=name)
    assert_rows_are_backtests(spec, [paying(random_bars(seed, length))], PLACING[name])


@pytest.mark.parametrize("name", sorted(PLACING))
def test_a_row_of_a_strategy_that_places_orders_without_frictions_on_real_prices(
    name: str, goog: Bars, assert_rows_are_backtests: Callable[..., None]
) -> None:
    assert_rows_are_backtests(BacktestSpec(strategy=name, fee_bps=3.0), [goog], PLACING[name])


@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(2, 200))
@settings(max_examples=25)
def test_a_row_of_targets_with_frictions(
    base: BacktestSpec,
    seed: int,
    length: int,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
) -> None:
    spec = msgspec.structs.replace(base, strategy="sma_cross")
    assert_rows_are_backtests(spec, [paying(random_bars(seed, length))], TARGETS)


@given(
    base=specs,
    limits=st.sampled_from(["", "weight=40%", "gross=80%:net=50%"]),
    rebalance=st.sampled_from(["every:5", "month-end", "weekday:fri"]),
    seed=st.integers(0, 10_000),
    length=st.integers(2, 200),
)
@settings(max_examples=15)
def test_a_row_over_many_symbols_with_limits_and_a_calendar(
    base: BacktestSpec,
    limits: str,
    rebalance: str,
    seed: int,
    length: int,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
) -> None:
    chosen = FrictionSpec(limits=limits, rebalance=rebalance)
    spec = msgspec.structs.replace(base, strategy="momentum_rotation", frictions=chosen)
    bars = [random_bars(seed + place, length - place % 2, name) for place, name in enumerate("ABC")]
    assert_rows_are_backtests(spec, bars, ROTATION)


@pytest.mark.parametrize("name", sorted(POOLED))
@given(
    base=specs,
    limits=st.sampled_from(["", "weight=40%", "gross=80%:net=50%:positions=2"]),
    seed=st.integers(0, 10_000),
    length=st.integers(2, 200),
)
@settings(max_examples=25)
def test_a_row_of_an_account_on_many_symbols_with_frictions(
    name: str,
    base: BacktestSpec,
    limits: str,
    seed: int,
    length: int,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
) -> None:
    chosen = msgspec.structs.replace(base.frictions, limits=limits)
    spec = msgspec.structs.replace(base, strategy=name, frictions=chosen)
    bars = [paying(random_bars(seed + place, length - place % 2, one)) for place, one in enumerate("ABC")]
    assert_rows_are_backtests(spec, bars, POOLED[name])


@pytest.mark.parametrize("name", ["pairs_trading", "high_breakout"])
def test_a_row_over_many_symbols_without_frictions_with_more_fills_than_there_was_room_for_at_first(
    name: str,
    random_bars: Callable[..., Bars],
    assert_rows_are_backtests: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lane, "FIRST_FILLS", 8)
    monkeypatch.setattr(lane, "FIRST_DESK_FILLS", 0)
    bars = [random_bars(seed, 600, f"S{seed}") for seed in range(4)]
    assert_rows_are_backtests(BacktestSpec(strategy=name, fee_bps=1.0), bars, POOLED[name])


def test_more_fills_than_there_was_room_for_at_first(
    random_bars: Callable[..., Bars], assert_rows_are_backtests: Callable[..., None]
) -> None:
    spec = BacktestSpec(strategy="bollinger_reversion", frictions=FrictionSpec(spread="1bps"))
    dense: list[dict[str, float]] = [{"length": 2, "width": 0.1, "stop": 0.1}, {"length": 3, "width": 0.1, "stop": 0.2}]
    assert_rows_are_backtests(spec, [random_bars(5, 3_000)], dense)


def test_a_delay_in_milliseconds_and_dividends_that_are_not_there_are_refused(goog: Bars) -> None:
    for chosen, told in (
        (FrictionSpec(latency="50ms"), "milliseconds"),
        (FrictionSpec(dividends=True), "no dividends"),
    ):
        with pytest.raises(BacktestError, match=told):
            Market.of(BacktestSpec(strategy="sma_cross", frictions=chosen), [goog])


@pytest.mark.parametrize("name", ["atr_breakout", "high_breakout"])
def test_a_lane_is_clean_after_a_combination_that_failed(name: str, random_bars: Callable[..., Bars]) -> None:
    spec, many = BacktestSpec(strategy=name), strategies.find(name).many_symbols
    params = np.array([strategies.find(name).params(one) for one in (EVERYWHERE if many else PLACING[name])])
    market = Market.of(spec, [random_bars(seed, 400, f"S{seed}") for seed in range(3 if many else 1)])
    alone, after = Figures.empty(1), Figures.empty(len(params))
    Lane(market, 1 << 30).run(params[-1:], alone, {})
    Lane(market, 1 << 30).run(params, after, {0: "given up"})
    assert after.values[-1].tobytes() == alone.values[0].tobytes()
    small = Figures.empty(len(params))
    Lane(market, 0).run(params, small, {})
    assert small.errors == {} or all("--max-memory" in told for told in small.errors.values())
