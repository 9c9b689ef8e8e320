"""What must hold for every strategy on every series: no looking ahead, no lost cent, one result from two machines."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.backtest import driver
from pi5_pipelines.backtest.compiled import interpreted_loop
from pi5_pipelines.backtest.result import canonical
from pi5_pipelines.backtest.run import aligned, run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from trading import strategies
from trading.bar import Bar
from trading.strategy import Decider

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.backtest.bars import Bars

pytestmark = pytest.mark.xdist_group("compiled")

# Short windows, so that a few hundred bars hold many decisions.
SHORT = {
    "buy_and_hold": {},
    "sma_cross": {"fast": 3, "slow": 8},
    "donchian_breakout": {"entry": 8, "exit": 3},
    "rsi_mean_reversion": {"period": 2, "low": 25, "exit": 60, "trend": 15},
    "momentum_vol_target": {"lookback": 12, "vol_bars": 6, "target_vol": 0.15, "hold": 3},
    "momentum_rotation": {"lookback": 6, "skip": 2, "top": 2, "hold": 3},
    "atr_breakout": {"channel": 4, "ranges": 3, "stop": 1, "trail": 1.5, "target": 2},
    "bollinger_reversion": {"length": 5, "width": 1, "stop": 1.5},
    "high_breakout": {"highs": 5, "ranges": 3, "most": 2, "stop": 1, "target": 2},
    "pairs_trading": {"lookback": 8, "open": 1, "longest": 12},
    "triple_screen": {"hours": 72, "tide": 3, "period": 3, "low": 45, "exit": 60},
}
ONE_SYMBOL = [name for name in strategies.names() if strategies.find(name).decide is not None]

specs = st.builds(
    BacktestSpec,
    strategy=st.just("buy_and_hold"),
    cash=st.sampled_from([50.0, 1_000.0, 10_000.0, 1e7]),
    fee_bps=st.sampled_from([0.0, 1.0, 25.0]),
    slippage_bps=st.sampled_from([0.0, 2.0, 50.0]),
    fill=st.sampled_from(["next-open", "close"]),
    sizing=st.sampled_from(["all-in", "all-in-fractional", "units=7"]),
    direction=st.sampled_from(["both", "long"]),
    close_at_end=st.booleans(),
)


def spec_for(name: str, base: BacktestSpec) -> BacktestSpec:
    import msgspec

    return msgspec.structs.replace(base, strategy=name, params=SHORT[name])


def bars_for(name: str, seed: int, length: int, make: Callable[..., Bars]) -> list[Bars]:
    if not strategies.find(name).many_symbols:
        return [make(seed, length, volatility=0.05)]
    late = make(seed + 2, length, "LATE", offset=length // 3)
    holes = make(seed + 1, length, "HOLES")
    keep = np.random.default_rng(seed).random(length) > 0.1
    keep[0] = True
    columns = {c: getattr(holes, c)[keep] for c in ("ts_us", "open", "high", "low", "close", "volume")}
    return [make(seed, length, "FULL"), replace(holes, **columns), late]


def test_every_strategy_has_short_parameters_here() -> None:
    assert sorted(SHORT) == strategies.names()


@pytest.mark.parametrize("name", strategies.names())
@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(1, 150))
@settings(max_examples=25)
def test_compiled_equals_interpreted_to_the_bit(
    name: str, base: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec, bars = spec_for(name, base), bars_for(name, seed, length, random_bars)
    compiled = run_backtest(spec, bars)
    interpreted = run_backtest(spec, bars, interpreted=True)
    assert canonical(compiled.document) == canonical(interpreted.document)
    assert compiled.trades.equals(interpreted.trades)
    assert compiled.equity.tobytes() == interpreted.equity.tobytes()


@pytest.mark.parametrize("name", ONE_SYMBOL)
@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(2, 120))
@settings(max_examples=25)
def test_bar_by_bar_decides_as_on_the_whole_history(
    name: str, base: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec, bars = spec_for(name, base).checked(), random_bars(seed, length, volatility=0.05)
    curve = run_curve(spec, bars)
    decider = Decider(strategies.find(name), spec.params)
    positions = [0.0, *curve[driver.CURVE_POSITION].tolist()]
    for i in range(length):
        position = positions[i + 1] if spec.fill == "next-open" else positions[i]
        answer = decider.on_bar(bar_at(bars, i), position)
        expected = curve[driver.CURVE_DECISION][i]
        if curve[driver.CURVE_EQUITY][:i].min(initial=spec.cash) <= 0.0:
            break  # ruined: nobody is asked any more
        assert answer == expected or (math.isnan(answer) and math.isnan(expected)), i


@pytest.mark.parametrize("name", strategies.names())
@given(base=specs, seed=st.integers(0, 10_000), cut=st.integers(2, 100))
@settings(max_examples=25)
def test_the_future_does_not_change_the_past(
    name: str, base: BacktestSpec, seed: int, cut: int, random_bars: Callable[..., Bars]
) -> None:
    spec = replace_end(spec_for(name, base))
    whole = bars_for(name, seed, 110, random_bars)
    clock = aligned(whole).ts_us
    early = [first_bars(one, int(clock[cut - 1])) for one in whole]
    if any(len(one) == 0 for one in early):
        early, whole = [early[0]], [whole[0]]
        clock = whole[0].ts_us
    long_run, short_run = run_backtest(spec, whole), run_backtest(spec, early)
    assert long_run.equity[: short_run.equity.size].tobytes() == short_run.equity.tobytes()
    assert long_run.cash[: short_run.cash.size].tobytes() == short_run.cash.tobytes()


@pytest.mark.parametrize("name", strategies.names())
@given(base=specs, seed=st.integers(0, 10_000), length=st.integers(1, 150))
@settings(max_examples=25)
def test_cash_and_positions_reconcile_to_equity_at_every_bar(
    name: str, base: BacktestSpec, seed: int, length: int, random_bars: Callable[..., Bars]
) -> None:
    spec, bars = spec_for(name, base), bars_for(name, seed, length, random_bars)
    result = run_backtest(spec, bars)
    columns = aligned(bars)
    cash, held = spec.cash, dict.fromkeys((one.symbol for one in bars), 0.0)
    last = dict.fromkeys(held, 0.0)
    fills = result.fills.to_dicts()
    for i, ts_us in enumerate(columns.ts_us.tolist()):
        while fills and round(fills[0]["ts"].timestamp() * 1e6) == ts_us:
            fill = fills.pop(0)
            signed = fill["quantity"] if fill["side"] == "buy" else -fill["quantity"]
            cash -= signed * fill["price"] + fill["fee"]
            held[fill["symbol"]] += signed
        for s, symbol in enumerate(held):
            if not math.isnan(columns.close[i][s]):
                last[symbol] = columns.close[i][s]
        scale = spec.cash + abs(result.equity[i])
        assert result.cash[i] == pytest.approx(cash, abs=1e-9 * scale)
        worth = cash + sum(held[symbol] * last[symbol] for symbol in held)
        assert result.equity[i] == pytest.approx(worth, abs=1e-9 * scale)
    assert not fills
    profit = float(result.trades["pnl"].sum())
    assert result.equity[-1] - spec.cash == pytest.approx(profit, abs=1e-7 * (spec.cash + abs(profit)))


@given(base=specs, seed=st.integers(0, 10_000))
@settings(max_examples=40)
def test_a_long_only_account_never_goes_into_debt(
    base: BacktestSpec, seed: int, random_bars: Callable[..., Bars]
) -> None:
    import msgspec

    sizing = base.sizing if base.sizing.startswith("all-in") else "all-in"
    for name in ("sma_cross", "momentum_rotation"):
        spec = msgspec.structs.replace(spec_for(name, base), direction="long", sizing=sizing)
        result = run_backtest(spec, bars_for(name, seed, 120, random_bars))
        assert result.cash.min() >= -1e-9 * spec.cash


def test_a_short_that_is_ruined_stops_trading(random_bars: Callable[..., Bars]) -> None:
    base = random_bars(3, 60)
    spec = BacktestSpec(strategy="donchian_breakout", params={"entry": 5, "exit": 4})
    falling = np.linspace(100, 60, 40)
    mild, wild = (np.concatenate([falling, np.full(20, top)]).round(2) for top in (90.0, 300.0))
    assert not run_backtest(spec, [at_prices(base, mild)]).document["ruined"]
    held = run_backtest(spec, [at_prices(base, wild)])
    assert held.document["ruined"]
    ruin = int(np.argmax(held.equity <= 0.0))
    assert (held.exposure[ruin:] == 0.0).all()
    assert held.document["equity_final"] <= 0.0


def test_one_bar_is_enough_to_answer(random_bars: Callable[..., Bars]) -> None:
    document = run_backtest(BacktestSpec(strategy="sma_cross"), [random_bars(1, 1)]).document
    assert document["trades"] == 0
    assert document["equity_final"] == document["cash"]
    assert document["sharpe"] is None


def test_leaving_open_keeps_the_position_and_values_it_at_the_last_close(random_bars: Callable[..., Bars]) -> None:
    bars = random_bars(5, 50)
    result = run_backtest(BacktestSpec(strategy="buy_and_hold", close_at_end=False), [bars])
    trade = result.trades.row(0, named=True)
    assert not trade["closed"]
    assert trade["exit_price"] == bars.close[-1]
    assert result.exposure[-1] > 0.0


def at_prices(bars: Bars, path: np.ndarray) -> Bars:
    return replace(bars, open=path, high=path + 1, low=path - 1, close=path)


def replace_end(spec: BacktestSpec) -> BacktestSpec:
    import msgspec

    return msgspec.structs.replace(spec, close_at_end=False)


def first_bars(bars: Bars, until_us: int) -> Bars:
    keep = bars.ts_us <= until_us
    return replace(bars, **{c: getattr(bars, c)[keep] for c in ("ts_us", "open", "high", "low", "close", "volume")})


def bar_at(bars: Bars, i: int) -> Bar:
    return Bar(
        int(bars.ts_us[i]),
        float(bars.open[i]),
        float(bars.high[i]),
        float(bars.low[i]),
        float(bars.close[i]),
        float(bars.volume[i]),
    )


def run_curve(spec: BacktestSpec, bars: Bars) -> list[np.ndarray]:
    """The raw curve of the interpreted loop, decisions included."""
    strategy, params = strategies.find(spec.strategy), tuple(spec.params.values())
    columns = driver.Columns(*(getattr(bars, c).tolist() for c in ("ts_us", "open", "high", "low", "close", "volume")))
    curve = [[math.nan] * len(bars) for _ in range(driver.CURVE_ROWS)]
    fills = [[0.0] * driver.FILL_COLUMNS for _ in range(2 * len(bars) + 4)]
    state, account = [0.0] * strategy.memory(params, 1), [spec.cash, 0.0, 0.0, -1.0]
    interpreted_loop(strategy)(columns, params, state, account, 1.0, spec.rules(), curve, fills)
    return [np.array(row) for row in curve]
