"""Excursions against a look at every bar of every trade."""

from __future__ import annotations

import math
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pi5_pipelines.analysis.excursions import RANGE_BARS, average_true_range, excursion_metrics, excursions
from pi5_pipelines.analysis.exposure import gross_exposure

if TYPE_CHECKING:
    from collections.abc import Callable

    from pi5_pipelines.analysis.excursions import Timing
    from pi5_pipelines.backtest.bars import Bars


def plain(row: dict[str, Any], bars: Bars, timing: Timing) -> tuple[float, float, float]:
    """One trade's excursions and range in percent, from every price between its entry and its exit."""
    times = bars.ts_us.tolist()
    entered = times.index(round(row["entry_ts"].timestamp() * 1e6))
    left = times.index(round(row["exit_ts"].timestamp() * 1e6))
    prices = [row["entry_price"], row["exit_price"]]
    for bar in range(entered, left + 1):
        before = timing != "open" and bar == entered
        after = timing != "close" and bar == left and row["closed"]
        if not before and not after:
            prices += [bars.low[bar], bars.high[bar]]
    worst, best = (min(prices), max(prices)) if row["side"] == "long" else (max(prices), min(prices))
    side = 1.0 if row["side"] == "long" else -1.0
    entry = row["entry_price"]
    last = entered if timing == "close" else entered - 1
    spans = []
    for bar in range(max(last - RANGE_BARS + 1, 0), last + 1):
        prior = [bars.close[bar - 1]] if bar else []
        spans.append(max([bars.high[bar], *prior]) - min([bars.low[bar], *prior]))
    span = fmean(spans) if len(spans) == RANGE_BARS else math.nan
    return (
        side * (worst / entry - 1.0) * 100.0,
        side * (best / entry - 1.0) * 100.0,
        span / entry * 100.0,
    )


@settings(max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    count=st.integers(0, 12),
    length=st.integers(2, 120),
    timing=st.sampled_from(["open", "close", "within"]),
)
def test_excursions_are_those_of_every_price_while_held(
    random_bars: Callable[..., Bars],
    random_trades: Callable[..., pl.DataFrame],
    seed: int,
    count: int,
    length: int,
    timing: Timing,
) -> None:
    two = [random_bars(seed, length, "ONE"), random_bars(seed + 1, length + 7, "TWO")]
    frame = pl.concat([random_trades(seed + 2 + s, one, count) for s, one in enumerate(two)]).sample(
        fraction=1.0, shuffle=True, seed=seed
    )
    found = excursions(frame, two, timing=timing)
    rows = [plain(row, two[row["symbol"] == "TWO"], timing) for row in frame.iter_rows(named=True)]
    for name, values in zip(("mae_pct", "mfe_pct", "atr_pct"), zip(*rows, strict=True), strict=False):
        np.testing.assert_allclose(found[name].to_numpy(), values, rtol=1e-9, atol=1e-9)
    assert found.height == frame.height
    known = [row for row in rows if row[2] == row[2]]
    against = sum(-mae / span for mae, _, span in known)
    expected = {
        "avg_mae_pct": fmean(row[0] for row in rows) if rows else math.nan,
        "avg_mfe_pct": fmean(row[1] for row in rows) if rows else math.nan,
        "edge_ratio": sum(mfe / span for _, mfe, span in known) / against if against > 0.0 else math.nan,
    }
    assert excursion_metrics(found) == pytest.approx(expected, nan_ok=True)


def test_prices_after_an_exit_at_the_open_do_not_count(random_bars: Callable[..., Bars]) -> None:
    from dataclasses import replace

    bars = random_bars(1, 30)
    wild = replace(
        bars, high=np.where(np.arange(30) == 9, 1e6, bars.high), low=np.where(np.arange(30) == 9, 0.01, bars.low)
    )
    row = {
        "symbol": ["RND"],
        "side": ["long"],
        "entry_ts": pl.Series(bars.ts_us[4:5]).cast(pl.Datetime("us", "UTC")),
        "entry_price": bars.open[4:5],
        "exit_ts": pl.Series(bars.ts_us[9:10]).cast(pl.Datetime("us", "UTC")),
        "exit_price": bars.open[9:10],
        "closed": [True],
    }
    calm = excursions(pl.DataFrame(row), [bars], timing="open")
    assert excursions(pl.DataFrame(row), [wild], timing="open").equals(calm, null_equal=True)
    assert excursions(pl.DataFrame(row), [wild], timing="close")["mfe_pct"][0] > 1_000.0


@given(seed=st.integers(0, 1_000), length=st.integers(1, 60))
def test_the_range_known_at_a_bar_is_of_bars_up_to_it(random_bars: Callable[..., Bars], seed: int, length: int) -> None:
    bars = random_bars(seed, length)
    whole = average_true_range(bars)
    assert np.isnan(whole[: RANGE_BARS - 1]).all()
    assert np.isfinite(whole[RANGE_BARS - 1 :]).all()
    from dataclasses import replace

    half = replace(bars, **{name: getattr(bars, name)[: length // 2 + 1] for name in ("ts_us", "high", "low", "close")})
    np.testing.assert_array_equal(average_true_range(half), whole[: length // 2 + 1])


@given(st.data())
def test_gross_exposure_adds_what_is_long_and_what_is_short(
    random_bars: Callable[..., Bars], data: st.DataObject
) -> None:
    length = data.draw(st.integers(2, 40))
    bars = [random_bars(3, length, "A"), random_bars(4, length, "B", offset=3)]
    ts_us = np.union1d(bars[0].ts_us, bars[1].ts_us)
    fill = st.tuples(st.integers(0, ts_us.size - 1), st.integers(0, 1), st.floats(-50.0, 50.0))
    fills = data.draw(st.lists(fill, max_size=20))
    equity = np.linspace(10_000.0, 5_000.0, ts_us.size)
    columns = (
        np.array([one[0] for one in fills], dtype=np.int64),
        np.array([one[1] for one in fills], dtype=np.int64),
        np.array([one[2] for one in fills], dtype=np.float64),
    )
    found = gross_exposure(bars, ts_us, equity, columns)
    for t, moment in enumerate(ts_us):
        total = 0.0
        for s, one in enumerate(bars):
            position = sum(quantity for at, symbol, quantity in fills if symbol == s and at <= t)
            closes = [close for ts, close in zip(one.ts_us, one.close, strict=True) if ts <= moment]
            total += abs(position) * closes[-1] if closes else 0.0
        assert found[t] == pytest.approx(total / equity[t], abs=1e-12)


def test_an_account_that_is_gone_has_no_exposure(random_bars: Callable[..., Bars]) -> None:
    bars = random_bars(1, 3)
    fills = np.array([0]), np.array([0]), np.array([1.0])
    found = gross_exposure([bars], bars.ts_us, np.array([100.0, 0.0, -5.0]), fills)
    assert found.tolist() == [bars.close[0] / 100.0, 0.0, 0.0]
