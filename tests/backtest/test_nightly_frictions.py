"""Frictions of the night: those of [backtest], or a strategy's own in their place, in its runs and in its searches."""

from __future__ import annotations

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.nightly import nightly_spec
from pi5_pipelines.cli.sweep import sweep
from pi5_pipelines.research.search import Search
from pi5_pipelines.settings import BacktestSettings, Settings, StrategySettings

GENERAL = FrictionSpec(spread="2bps", borrow_pct=3.0, dividends=True)
OWN = FrictionSpec(limits="weight=25%", rebalance="month-end")


def test_a_strategy_s_own_frictions_stand_in_place_of_the_general_ones() -> None:
    settings = Settings(backtest=BacktestSettings(frictions=GENERAL))
    for given, expected in ((None, GENERAL), (OWN, OWN), (FrictionSpec(), FrictionSpec())):
        spec = nightly_spec(settings, StrategySettings(name="momentum_rotation", frictions=given))
        assert spec.frictions == expected
        assert spec.fee_bps == settings.backtest.fee_bps
    by_share = StrategySettings(name="sma_cross", frictions=FrictionSpec(fees="per-share:0.005"))
    assert nightly_spec(settings, by_share).checked().fee_bps == 0.0


def test_every_friction_reaches_the_commands_that_search() -> None:
    every = FrictionSpec(
        fees="per-share:0.005:min=1",
        spread="2bps",
        slippage="ticks:1",
        impact="sqrt:1",
        latency="1bar",
        margin="initial=50%:maintenance=25%",
        leverage=1.5,
        borrow_pct=3.0,
        funding_pct=-0.01,
        interest_pct=1.0,
        debit_pct=6.0,
        dividends=True,
        tick=0.01,
        limits="weight=25%",
        rebalance="month-end",
    )
    plain = FrictionSpec()
    assert all(getattr(every, name) != getattr(plain, name) for name in FrictionSpec.__struct_fields__)
    settings = Settings(backtest=BacktestSettings(frictions=every))
    spec = nightly_spec(settings, StrategySettings(name="sma_cross"))
    search = Search(spec, ("GOOG",), ("fast=2:9",), "", 500, 250, "splits", "1d", "x")
    context = sweep.make_context("sweep", ["sma_cross", *search.options()])
    assert {name: context.params[name] for name in FrictionSpec.__struct_fields__} == {
        name: getattr(every, name) for name in FrictionSpec.__struct_fields__
    }
