"""What must hold for accounts on many symbols under every friction: one result from two machines, no lost cent."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.backtest.clock import aligned
from pi5_pipelines.backtest.compiled import compiled_pool_loop
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.result import build, canonical
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.run_orders import frictions_of
from pi5_pipelines.backtest.run_pool import run_pool
from pi5_pipelines.backtest.spec import BacktestSpec
from trading import strategies
from trading.bar import Bar
from trading.paper_pool import PaperPortfolio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.result import BacktestResult

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compiled")]

HERE = str(Path(__file__).parent / "order_strategies")
NAMES = ("ts_us", "open", "high", "low", "close", "volume")

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
    limits=st.sampled_from(["", "weight=40%:gross=90%", "net=30%:positions=2"]),
    tick=st.just(0.01),
)
plain_specs = st.builds(
    BacktestSpec,
    strategy=st.just("random_weights"),
    params=st.integers(0, 9_999).map(lambda seed: {"seed": float(seed)}),
    cash=st.sampled_from([1_000.0, 20_000.0]),
    fee_bps=st.sampled_from([0.0, 25.0]),
    slippage_bps=st.sampled_from([0.0, 50.0]),
    fill=st.sampled_from(["next-open", "close"]),
    sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
    direction=st.sampled_from(["both", "long"]),
    close_at_end=st.booleans(),
)
KINDS = ("random_weights", "random_quantities", "random_everywhere")


def with_frictions(kind: str, base: BacktestSpec, extra: FrictionSpec) -> BacktestSpec:
    fees = 0.0 if extra.fees else base.fee_bps
    return msgspec.structs.replace(base, strategy=kind, fee_bps=fees, frictions=extra)


@pytest.fixture(autouse=True, scope="module")
def _random_strategies() -> Iterator[None]:
    strategies.__path__.append(HERE)
    yield
    strategies.__path__.remove(HERE)


def three(make: Callable[..., Bars], seed: int, length: int) -> list[Bars]:
    """A whole series, one with holes and ticks of its own lot, one that begins later and ends earlier."""
    late = make(seed + 2, max(1, length // 2), "LATE", offset=length // 3, volatility=0.05)
    holes = make(seed + 1, length, "HOLES", volatility=0.05)
    keep = np.random.default_rng(seed).random(length) > 0.2
    keep[0] = True
    holes = replace(holes, **{name: getattr(holes, name)[keep] for name in NAMES}, lot=0.1)
    return [make(seed, length, "FULL", volatility=0.05), holes, late]


def assert_same(one: BacktestResult, other: BacktestResult) -> None:
    assert canonical(one.document) == canonical(other.document)
    assert one.equity.tobytes() == other.equity.tobytes()
    assert one.orders is not None
    assert other.orders is not None
    assert one.orders.equals(other.orders)
    assert one.fills.equals(other.fills)


@given(
    base=plain_specs,
    limits=st.sampled_from(["", "weight=40%:gross=90%", "gross=60%:net=20%", "positions=2"]),
    rebalance=st.sampled_from(["", "every:4", "weekday:fri", "month-end"]),
    seed=st.integers(0, 10_000),
    length=st.integers(1, 100),
)
@settings(max_examples=80)
def test_weights_without_frictions_give_the_loops_of_weights_to_the_bit(
    base: BacktestSpec, limits: str, rebalance: str, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec = msgspec.structs.replace(base, frictions=FrictionSpec(limits=limits, rebalance=rebalance)).checked()
    bars = three(random_bars, seed, length)
    assert spec.loop() == ("portfolio" if limits or rebalance else "plain")
    plain = run_backtest(spec, bars)
    pooled = build(spec, bars, run_pool(spec, bars, compiled_pool_loop(spec.strategy), interpreted=False))
    assert plain.equity.tobytes() == pooled.equity.tobytes()
    assert plain.cash.tobytes() == pooled.cash.tobytes()
    assert plain.fills.equals(pooled.fills)
    assert plain.trades.equals(pooled.trades)
    assert plain.document["ruined"] == pooled.document["ruined"]


@pytest.mark.parametrize("kind", KINDS)
@given(base=plain_specs, extra=frictions, seed=st.integers(0, 10_000), length=st.integers(1, 90))
@settings(max_examples=25)
def test_compiled_equals_interpreted_to_the_bit(
    kind: str, base: BacktestSpec, extra: FrictionSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec, bars = with_frictions(kind, base, extra), three(random_bars, seed, length)
    assert_same(run_backtest(spec, bars), run_backtest(spec, bars, interpreted=True))


@given(base=plain_specs, extra=frictions, seed=st.integers(0, 10_000), length=st.integers(1, 90))
@settings(max_examples=40)
def test_one_symbol_in_a_pool_is_the_account_of_one_symbol(
    base: BacktestSpec, extra: FrictionSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    extra = msgspec.structs.replace(extra, limits="")
    bars = [random_bars(seed, length, volatility=0.05)]
    alone, pooled = (
        run_backtest(with_frictions(kind, base, extra), bars) for kind in ("random_orders", "random_everywhere")
    )
    assert alone.equity.tobytes() == pooled.equity.tobytes()
    assert alone.fills.equals(pooled.fills)
    assert alone.orders is not None
    assert pooled.orders is not None
    assert alone.orders.equals(pooled.orders)
    assert alone.document["costs"] == pooled.document["costs"]
    assert alone.document["margin_calls"] == pooled.document["margin_calls"]


@pytest.mark.parametrize("fill", ["close", "next-open"])
def test_what_volume_leaves_over_of_a_ruin_goes_at_the_next_opens_as_alone(
    fill: Literal["close", "next-open"], random_bars: Callable[..., Bars]
) -> None:
    thin = FrictionSpec(slippage="volume-share:limit=0.0005", impact="sqrt:0.5:bars=5", margin="initial=20%")
    left_over = 0
    for seed in range(300, 340):
        bars = [random_bars(seed, 90, volatility=0.25)]
        spec = BacktestSpec(
            strategy="random_orders", params={"seed": float(seed)}, cash=20_000.0, fill=fill, frictions=thin
        )
        alone, pooled = (
            run_backtest(msgspec.structs.replace(spec, strategy=kind), bars)
            for kind in ("random_orders", "random_everywhere")
        )
        assert alone.fills.equals(pooled.fills)
        assert alone.equity.tobytes() == pooled.equity.tobytes()
        assert alone.orders is not None
        ruin = alone.orders.filter(reason="the account is ruined")["ts"].max()
        left_over += 0 if ruin is None else alone.fills.filter(alone.fills["ts"] > ruin).height
    assert left_over > 10


@pytest.mark.parametrize("kind", KINDS)
@given(base=plain_specs, extra=frictions, seed=st.integers(0, 10_000), length=st.integers(1, 60))
@settings(max_examples=15)
def test_bar_by_bar_on_paper_is_the_backtest(
    kind: str, base: BacktestSpec, extra: FrictionSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec = msgspec.structs.replace(with_frictions(kind, base, extra), close_at_end=False).checked()
    bars = three(random_bars, seed, length)
    result, columns = run_backtest(spec, bars), aligned(bars)
    limits, schedule = spec.frictions.portfolio()
    instruments = [frictions_of(spec, one) for one in bars]
    account = PaperPortfolio(spec.definition(), spec.params, instruments, spec.cash, limits=limits, schedule=schedule)
    told: list[tuple[object, ...]] = []
    for i, ts_us in enumerate(columns.ts_us.tolist()):
        rows = zip(*(column[i].tolist() for column in columns[1:]), strict=True)
        events = account.on_bars([Bar(ts_us, *row) for row in rows])
        told += [(bars[s].symbol, one.order, one.kind, one.reason, one.left) for s, one in events]
        assert account.cash == result.cash[i], i
        assert account.equity == result.equity[i], i
    assert result.orders is not None
    rows_told = result.orders.select("symbol", "order", "event", "reason", "left").rows()
    assert rows_told == told


@pytest.mark.parametrize("kind", KINDS)
@given(base=plain_specs, extra=frictions, seed=st.integers(0, 10_000), cut=st.integers(40, 80))
@settings(max_examples=20)
def test_the_future_does_not_change_the_past(
    kind: str, base: BacktestSpec, extra: FrictionSpec, seed: int, cut: int, random_bars: Callable[..., Bars]
) -> None:
    spec = msgspec.structs.replace(with_frictions(kind, base, extra), close_at_end=False)
    whole = three(random_bars, seed, 90)
    until = aligned(whole).ts_us[cut - 1]
    early = [replace(one, **{name: getattr(one, name)[one.ts_us <= until] for name in NAMES}) for one in whole]
    long_run, short_run = run_backtest(spec, whole), run_backtest(spec, early)
    assert long_run.equity[:cut].tobytes() == short_run.equity.tobytes()
    assert long_run.cash[:cut].tobytes() == short_run.cash.tobytes()


@pytest.mark.parametrize("kind", KINDS)
@given(base=plain_specs, extra=frictions, seed=st.integers(0, 10_000), length=st.integers(2, 90))
@settings(max_examples=30)
def test_no_cent_is_lost(
    kind: str, base: BacktestSpec, extra: FrictionSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec, bars = with_frictions(kind, base, extra), three(random_bars, seed, length)
    result, columns = run_backtest(spec, bars), aligned(bars)
    costs, fills = result.document["costs"], result.fills
    signed = np.where(fills["side"].to_numpy() == "buy", 1.0, -1.0) * fills["quantity"].to_numpy()
    price, slipped = fills["price"].to_numpy(), fills["slippage"].to_numpy()
    last = {one.symbol: one.close[-1] for one in bars}
    ends = np.array([last[symbol] for symbol in fills["symbol"]])
    gross = float((signed * (ends - price)).sum() + slipped.sum()) if fills.height else 0.0
    scale = spec.cash + float(np.abs(signed * price).sum())
    assert result.document["equity_final"] - spec.cash == pytest.approx(gross - sum(costs.values()), abs=1e-9 * scale)
    assert costs["fees"] == pytest.approx(fills["fee"].sum(), abs=1e-9 * scale)
    assert costs["spread"] + costs["slippage"] + costs["impact"] == pytest.approx(slipped.sum(), abs=1e-9 * scale)
    held = dict.fromkeys(last, 0.0)
    rows = list(zip(fills["ts"].dt.epoch("us"), fills["symbol"], signed, strict=True))
    for i, ts_us in enumerate(columns.ts_us.tolist()):
        while rows and rows[0][0] == ts_us:
            _, symbol, quantity = rows.pop(0)
            held[symbol] += quantity
        for s, symbol in enumerate(held):
            if not math.isnan(columns.close[i][s]):
                last[symbol] = columns.close[i][s]
        worth = result.cash[i] + sum(quantity * last[symbol] for symbol, quantity in held.items() if quantity)
        assert result.equity[i] == pytest.approx(worth, abs=1e-9 * (scale + abs(worth)))
    assert not rows


@pytest.mark.parametrize("kind", KINDS)
@given(base=plain_specs, extra=frictions, seed=st.integers(0, 10_000))
@settings(max_examples=15)
def test_quantities_are_whole_lots_of_their_own_instrument(
    kind: str, base: BacktestSpec, extra: FrictionSpec, seed: int, random_bars: Callable[..., Bars]
) -> None:
    spec = msgspec.structs.replace(with_frictions(kind, base, extra), sizing="all-in")
    result = run_backtest(spec, three(random_bars, seed, 60))
    for symbol, quantity in result.fills.select("symbol", "quantity").rows():
        lots = quantity / (0.1 if symbol == "HOLES" else 1.0)
        assert lots == pytest.approx(round(lots), abs=1e-6)
