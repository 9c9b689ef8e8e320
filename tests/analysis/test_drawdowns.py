"""Drawdowns against a walk along the curve, one bar at a time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pi5_pipelines.analysis import drawdowns
from pi5_pipelines.analysis.metrics import drawdown

DAY_US = 86_400_000_000
# Few levels, so that highs are met again to the cent, and bars are level.
CURVES = st.lists(st.sampled_from([80.0, 90.0, 95.0, 100.0, 105.0, 110.0, 120.0]), min_size=1, max_size=60)


@dataclass
class Fall:
    """One drawdown, by the bars' numbers."""

    start: int
    trough: int
    end: int
    depth: float
    recovered: bool


def plain(curve: list[float]) -> list[Fall]:
    """Walk along: below the highest so far a fall begins or goes on, at or above it the fall has ended."""
    found: list[Fall] = []
    high, at_high, now = curve[0], 0, None
    for bar, value in enumerate(curve):
        if value < high:
            if now is None:
                now = Fall(at_high, bar, bar, 0.0, recovered=False)
                found.append(now)
            if value / high - 1.0 < now.depth:
                now.depth, now.trough = value / high - 1.0, bar
            now.end = bar
        else:
            if now is not None:
                now.end, now.recovered, now = bar, True, None
            high, at_high = value, bar
    return found


@given(CURVES)
def test_drawdowns_are_those_of_a_walk_along_the_curve(curve: list[float]) -> None:
    found = drawdowns.find(drawdown(np.array(curve)))
    rows = zip(found.start, found.trough, found.end, found.depth, found.recovered, strict=True)
    assert [Fall(int(a), int(b), int(c), float(d), bool(e)) for a, b, c, d, e in rows] == plain(curve)


@given(CURVES)
def test_their_figures_are_those_of_the_walk(curve: list[float]) -> None:
    equity, falls = np.array(curve), plain(curve)
    ts_us = np.arange(equity.size, dtype=np.int64) * 2 * DAY_US
    found = drawdowns.drawdown_metrics(equity, drawdown(equity), ts_us, 100.0)
    lengths = [2.0 * (fall.end - fall.start) for fall in falls]
    depth = max(max(curve[: bar + 1]) - value for bar, value in enumerate(curve))
    squares = [(value / max(curve[: bar + 1]) - 1.0) ** 2 for bar, value in enumerate(curve)]
    assert found == pytest.approx(
        {
            "drawdowns": len(falls),
            "avg_drawdown_pct": 100.0 * sum(fall.depth for fall in falls) / len(falls) if falls else math.nan,
            "max_drawdown_days": max(lengths, default=0.0),
            "avg_drawdown_days": sum(lengths) / len(lengths) if lengths else math.nan,
            "ulcer_index_pct": 100.0 * math.sqrt(sum(squares) / len(squares)),
            "recovery_factor": (curve[-1] - 100.0) / depth if depth else math.nan,
        },
        nan_ok=True,
    )


@given(CURVES, st.integers(0, 5))
def test_the_worst_come_first_and_carry_their_moments(curve: list[float], count: int) -> None:
    ts_us = np.arange(len(curve), dtype=np.int64) * DAY_US
    rows = drawdowns.worst(drawdown(np.array(curve)), ts_us, count)
    falls = sorted(plain(curve), key=lambda fall: fall.depth)[:count]
    assert len(rows) == len(falls)
    for row, fall in zip(rows, falls, strict=True):
        assert row.depth_pct == pytest.approx(100.0 * fall.depth)
        assert row.start_us == fall.start * DAY_US
        assert row.trough_us == fall.trough * DAY_US
        assert row.end_us == (fall.end * DAY_US if fall.recovered else None)
        assert (row.bars, row.bars_to_trough) == (fall.end - fall.start, fall.trough - fall.start)
