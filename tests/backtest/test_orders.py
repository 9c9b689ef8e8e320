"""What must hold for orders of every kind under every friction: one result from two machines, no lost cent."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.backtest.compiled import compiled_loop, compiled_orders_loop
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.result import build, canonical
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.run_orders import frictions_of, run_orders
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.errors import BacktestError
from trading import strategies
from trading.bar import Bar
from trading.paper import PaperAccount

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pi5_pipelines.backtest.bars import Bars

pytestmark = pytest.mark.xdist_group("compiled")

HERE = str(Path(__file__).parent / "order_strategies")
TERMINAL = {"canceled", "rejected", "expired"}

frictions = st.builds(
    FrictionSpec,
    fees=st.sampled_from(["", "percent:5bps:min=2", "per-share:0.01:min=1:max=1%", "tiered:2/5:10000=1/3:min=0.1"]),
    spread=st.sampled_from(["", "4bps", "0.02", "1tick"]),
    slippage=st.sampled_from(["", "ticks:1", "volume-share:limit=0.0005:impact=0.1"]),
    impact=st.sampled_from(["", "sqrt:0.5:bars=5"]),
    latency=st.sampled_from(["", "1bar", "3bars"]),
    margin=st.sampled_from(["", "initial=50%:maintenance=40%", "initial=20%:maintenance=15%"]),
    leverage=st.sampled_from([0.5, 1.0]),
    borrow_pct=st.sampled_from([0.0, 30.0]),
    funding_pct=st.sampled_from([0.0, -0.05, 0.05]),
    interest_pct=st.sampled_from([0.0, 5.0]),
    debit_pct=st.sampled_from([0.0, 9.0]),
    tick=st.just(0.01),
)
specs = st.builds(
    BacktestSpec,
    strategy=st.just("random_orders"),
    params=st.builds(lambda seed, most: {"seed": float(seed), "most": most}, st.integers(0, 9_999), st.just(4.0)),
    cash=st.sampled_from([1_000.0, 20_000.0]),
    slippage_bps=st.sampled_from([0.0, 3.0]),
    fill=st.sampled_from(["next-open", "close"]),
    sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
    direction=st.sampled_from(["both", "long"]),
    close_at_end=st.booleans(),
    frictions=frictions,
)


@pytest.fixture(autouse=True, scope="module")
def _random_orders() -> Iterator[None]:
    strategies.__path__.append(HERE)
    yield
    strategies.__path__.remove(HERE)


@given(spec=specs, seed=st.integers(0, 10_000), length=st.integers(1, 120))
@settings(max_examples=30)
def test_compiled_equals_interpreted_to_the_bit(
    spec: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    bars = [random_bars(seed, length, volatility=0.05)]
    compiled, interpreted = run_backtest(spec, bars), run_backtest(spec, bars, interpreted=True)
    assert canonical(compiled.document) == canonical(interpreted.document)
    assert compiled.equity.tobytes() == interpreted.equity.tobytes()
    assert compiled.orders is not None
    assert interpreted.orders is not None
    assert compiled.orders.equals(interpreted.orders)


@given(spec=specs, seed=st.integers(0, 10_000), cut=st.integers(1, 80))
@settings(max_examples=30)
def test_the_future_does_not_change_the_past(
    spec: BacktestSpec, seed: int, cut: int, random_bars: Callable[..., Bars]
) -> None:
    spec = msgspec.structs.replace(spec, close_at_end=False)
    whole = random_bars(seed, 90, volatility=0.05)
    long_run, short_run = run_backtest(spec, [whole]), run_backtest(spec, [first_bars(whole, cut)])
    assert long_run.equity[:cut].tobytes() == short_run.equity.tobytes()
    assert long_run.orders is not None
    assert short_run.orders is not None
    assert long_run.orders[: short_run.orders.height].equals(short_run.orders)


@given(spec=specs, seed=st.integers(0, 10_000), length=st.integers(1, 80))
@settings(max_examples=30)
def test_bar_by_bar_on_paper_is_the_backtest(
    spec: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec = msgspec.structs.replace(spec, close_at_end=False).checked()
    bars = random_bars(seed, length, volatility=0.05)
    result = run_backtest(spec, [bars])
    assert result.orders is not None
    account = PaperAccount(spec.definition(), spec.params, frictions_of(spec, bars), spec.cash)
    events = []
    for i in range(length):
        events += account.on_bar(bar_at(bars, i))
        assert account.cash == result.cash[i], i
        assert account.cash + account.position * bars.close[i] == result.equity[i], i
    told = [(row["order"], row["event"], row["reason"], row["left"]) for row in result.orders.iter_rows(named=True)]
    assert told == [(event.order, event.kind, event.reason, event.left) for event in events]


@given(spec=specs, seed=st.integers(0, 10_000), length=st.integers(2, 120))
@settings(max_examples=50)
def test_no_cent_is_lost(spec: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]) -> None:
    bars = random_bars(seed, length, volatility=0.05)
    result = run_backtest(spec, [bars])
    costs = result.document["costs"]
    signed = np.where(result.fills["side"].to_numpy() == "buy", 1.0, -1.0) * result.fills["quantity"].to_numpy()
    price, slipped = result.fills["price"].to_numpy(), result.fills["slippage"].to_numpy()
    # What the trades would have brought at the bars' own prices, up to the last close.
    gross = float((signed * (bars.close[-1] - price)).sum() + slipped.sum())
    scale = spec.cash + float(np.abs(signed * price).sum())
    assert result.document["equity_final"] - spec.cash == pytest.approx(gross - sum(costs.values()), abs=1e-9 * scale)
    assert costs["fees"] == pytest.approx(result.fills["fee"].sum(), abs=1e-9 * scale)
    assert costs["spread"] + costs["slippage"] + costs["impact"] == pytest.approx(slipped.sum(), abs=1e-9 * scale)
    assert all(costs[name] >= 0.0 for name in ("fees", "spread", "slippage", "impact", "borrow", "margin_interest"))
    assert costs["interest"] <= 0.0


@given(spec=specs, seed=st.integers(0, 10_000), length=st.integers(2, 120))
@settings(max_examples=30)
def test_every_order_has_a_life_that_can_be(
    spec: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    result = run_backtest(spec, [random_bars(seed, length, volatility=0.05)])
    assert result.orders is not None
    lives: dict[int, list[dict[str, object]]] = {}
    for row in result.orders.iter_rows(named=True):
        if row["order"]:
            lives.setdefault(row["order"], []).append(row)
    for order, life in lives.items():
        kinds = [row["event"] for row in life]
        assert kinds[0] in {"new", "rejected", "canceled"}, (order, kinds)
        assert not set(kinds[:-1]) & TERMINAL, (order, kinds)
        assert kinds.count("new") <= 1
        if "trade" in kinds:
            assert kinds[0] == "new"
        if life[0]["type"] != "target":
            filled = math.fsum(row["quantity"] for row in life if row["event"] == "trade")  # type: ignore[misc]
            assert filled <= life[0]["quantity"] * (1 + 1e-9)  # type: ignore[operator]
        if life[0]["type"] in {"limit", "stop_limit"}:
            limit, buys = life[0]["price"], life[0]["side"] == "buy"
            for row in life:
                if row["event"] == "trade":
                    assert row["price"] <= limit if buys else row["price"] >= limit, order  # type: ignore[operator]


@given(spec=specs, seed=st.integers(0, 10_000))
@settings(max_examples=20)
def test_a_long_only_account_without_leverage_never_goes_short_nor_into_debt(
    spec: BacktestSpec, seed: int, random_bars: Callable[..., Bars]
) -> None:
    plain = msgspec.structs.replace(spec.frictions, margin="", funding_pct=0.0, latency="")
    spec = msgspec.structs.replace(spec, direction="long", frictions=plain)
    result = run_backtest(spec, [random_bars(seed, 100, volatility=0.05)])
    assert result.cash.min() >= -1e-9 * spec.cash


@pytest.mark.parametrize("name", [n for n in strategies.names() if strategies.find(n).decide is not None])
@given(
    seed=st.integers(0, 10_000),
    length=st.integers(1, 150),
    base=st.builds(
        BacktestSpec,
        strategy=st.just("buy_and_hold"),
        cash=st.sampled_from([50.0, 1e4]),
        fee_bps=st.sampled_from([0.0, 25.0]),
        slippage_bps=st.sampled_from([0.0, 50.0]),
        fill=st.sampled_from(["next-open", "close"]),
        sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
        direction=st.sampled_from(["both", "long"]),
        close_at_end=st.booleans(),
    ),
)
@settings(max_examples=10)
def test_targets_traded_by_orders_without_frictions_give_the_plain_loop_to_the_bit(
    name: str, seed: int, length: int, base: BacktestSpec, random_bars: Callable[..., Bars]
) -> None:
    short = {"sma_cross": {"fast": 3, "slow": 8}, "donchian_breakout": {"entry": 8, "exit": 3}}.get(name, {})
    spec = msgspec.structs.replace(base, strategy=name, params=short).checked()
    bars = random_bars(seed, length, volatility=0.05)
    plain = run_backtest(spec, [bars])
    by_orders = build(spec, [bars], run_orders(spec, bars, None, compiled_orders_loop(name), interpreted=False))
    assert plain.equity.tobytes() == by_orders.equity.tobytes()
    assert plain.cash.tobytes() == by_orders.cash.tobytes()
    assert plain.trades.equals(by_orders.trades)
    assert compiled_loop(name) is not compiled_orders_loop(name)


@given(spec=specs, seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_finer_bars_that_are_the_bars_themselves_change_nothing(
    spec: BacktestSpec, seed: int, random_bars: Callable[..., Bars]
) -> None:
    bars = random_bars(seed, 60, volatility=0.05)
    alone, inside = run_backtest(spec, [bars]), run_backtest(spec, [bars], fine=bars)
    assert alone.equity.tobytes() == inside.equity.tobytes()
    assert alone.document["ambiguous_bars"] == inside.document["ambiguous_bars"]
    assert alone.result_id != inside.result_id


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")
@pytest.mark.parametrize(
    "extreme",
    [
        FrictionSpec(margin="initial=1%:maintenance=0.5%", leverage=100.0, borrow_pct=1e3, debit_pct=1e3),
        FrictionSpec(slippage="volume-share:limit=1:impact=100", impact="sqrt:1000:bars=2", spread="20%"),
        FrictionSpec(latency="100bars"),
    ],
)
@pytest.mark.parametrize("volume", [0.0, 1.0])
def test_extremes_end_in_figures(extreme: FrictionSpec, volume: float, random_bars: Callable[..., Bars]) -> None:
    for seed in range(4):
        bars = random_bars(seed, 40, volatility=0.3)
        bars = replace(bars, volume=bars.volume * volume)
        for name in ("random_orders", "atr_breakout", "bollinger_reversion", "buy_and_hold"):
            spec = BacktestSpec(strategy=name, cash=1_000.0, frictions=extreme)
            compiled, interpreted = (run_backtest(spec, [bars], interpreted=one) for one in (False, True))
            assert np.isfinite(compiled.equity).all()
            assert compiled.equity.tobytes() == interpreted.equity.tobytes()


@pytest.mark.parametrize("interpreted", [True, False])
def test_a_strategy_that_fails_is_named_with_its_bar(
    interpreted: bool,  # noqa: FBT001
    random_bars: Callable[..., Bars],
) -> None:
    with pytest.raises(BacktestError, match="ZeroDivisionError") as caught:
        run_backtest(BacktestSpec(strategy="raises"), [random_bars(1, 20)], interpreted=interpreted)
    assert caught.value.where == "strategy raises, bar 1970-01-06"
    assert ("raises.py, line 26" in caught.value.what) is interpreted


def bar_at(bars: Bars, i: int) -> Bar:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return Bar(int(bars.ts_us[i]), *(float(column[i]) for column in columns))


def first_bars(bars: Bars, count: int) -> Bars:
    columns = ("ts_us", "open", "high", "low", "close", "volume")
    return replace(bars, **{name: getattr(bars, name)[:count] for name in columns})
