"""How time grows: one backtest over more and more minute bars, one sweep over more and more combinations."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from bench_backtest import minute_bars
from bench_sweep import LARGE, sweep
from measure import ROOT, best_of, emit
from scaling_plot import Fit, Series, draw, fit

from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec

PLOT = ROOT / "docs" / "scaling.svg"
BARS = tuple(1_000 * 2**power for power in range(9))  # to 256,000
# Ever finer steps through the same ranges, so that an average combination stays the same.
COMBINATIONS = {
    100: ("fast=1:200:20", "slow=201:700:50"),
    1_000: ("fast=1:200:10", "slow=201:700:10"),
    10_000: ("fast=1:200:2", "slow=201:700:5"),
    100_000: ("fast=1:200:1", "slow=201:700:1"),
}
ROUNDS = 3


def rounds(bars: int) -> int:
    """How often a backtest is timed: the shorter, the more often, so that noise finds a quiet moment in each."""
    return min(200, int(3 * ROUNDS * BARS[-1] / bars))


def over_bars() -> tuple[tuple[float, float], ...]:
    """Seconds of a warm backtest by the number of its bars, the best of several."""
    spec = BacktestSpec(strategy="sma_cross", params={"fast": 7, "slow": 24}, fee_bps=1, slippage_bps=1, cash=1e6)
    longest = minute_bars(BARS[-1])
    run_backtest(spec, [longest])
    found = []
    for length in BARS:
        bars = [minute_bars(length)]
        best, _ = best_of(rounds(length), lambda bars=bars: run_backtest(spec, bars))  # type: ignore[misc]  # bound now
        found.append((float(length), best))
    return tuple(found)


def over_combinations() -> tuple[tuple[float, float], ...]:
    """Seconds that a sweep's engine needs by the number of combinations, the best of several; all cores work."""
    with tempfile.TemporaryDirectory(prefix="pi5-scaling-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PI5_")}
        environ = {**kept, "PYTHONPATH": str(ROOT), "PI5_HOME": f"{folder}/home", "PI5_NUMBA_CACHE": f"{folder}/numba"}
        sweep(COMBINATIONS[100], environ)
        return tuple(
            (float(count), min(sweep(params, environ)["seconds"] for _ in range(1 if count >= LARGE else ROUNDS)))
            for count, params in COMBINATIONS.items()
        )


def table(points: tuple[tuple[float, float], ...], line: Fit, unit: str) -> dict[str, Any]:
    """The points of a series as rows, beside what the line says."""
    return {
        f"{amount:,.0f} {unit}s": {"seconds": seconds, "line": line.at(amount), f"ns_a_{unit}": seconds / amount * 1e9}
        for amount, seconds in points
    }


def main() -> None:
    """Take and print the figures, and draw them."""
    bars, combinations = over_bars(), over_combinations()
    of_bars, of_combinations = fit(bars), fit(combinations)
    panels = (
        Series("One backtest, minute bars", "bar", bars),
        Series("One sweep, 2,148 daily bars", "combination", combinations),
    )
    PLOT.write_text(draw(panels), encoding="utf-8")
    emit(
        "scaling",
        bars=table(bars, of_bars, "bar"),
        combinations=table(combinations, of_combinations, "combination"),
        exponent_over_bars=of_bars.exponent,
        exponent_over_combinations=of_combinations.exponent,
        farthest_from_line_bars=of_bars.worst,
        farthest_from_line_combinations=of_combinations.worst,
        includes="a backtest's loop, trades, metrics, hashes; of a sweep what the engine does, without its start",
        plot=PLOT.name,
    )


if __name__ == "__main__":
    main()
