"""The asset that feeds the live engine: what a night publishes is replayed and traded as the lake's bars are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from live_engine.events import BarClosed, Body, OrderFilled, OrderIntent
from live_engine.paper.broker import PaperBroker
from live_engine.paper.settings import StrategySettings
from live_engine.prices import export_file
from live_engine.streams.market_export import read_instruments
from live_engine.streams.replay import replay_export
from pi5_pipelines.backtest.bars import bars_from_lake
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.definitions import defs
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

FEED = dg.AssetKey("engine_feed")


def figures(result: dg.ExecuteInProcessResult) -> Mapping[str, Any]:
    (made,) = (
        event.materialization
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == FEED
    )
    return {name: value.value for name, value in made.metadata.items()}


def check(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (found,) = (one for one in result.get_asset_check_evaluations() if one.asset_key == FEED)
    return found


@pytest.fixture
def feed(instance: dg.DagsterInstance) -> Callable[[], dg.ExecuteInProcessResult]:
    """Materialize the asset alone, with its check."""

    def materialize() -> dg.ExecuteInProcessResult:
        job = defs.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(instance=instance, asset_selection=[FEED], raise_on_error=False)

    return materialize


def test_what_is_ingested_is_published_and_counted(
    home: Path, drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    drop("GOOD")
    drop("MORE")
    result = run("ingest")
    assert result.success
    found = figures(result)
    path = export_file(home)
    assert (found["dagster/row_count"], found["symbols"], found["instruments"]) == (122, 2, 2)
    assert (found["bytes"], found["path"], found["missing"]) == (path.stat().st_size, str(path), "")
    assert found["sessions"] > 250
    assert (check(result).passed, check(result).description) == (True, "122 bars, as in the lake")


def test_the_night_publishes_after_it_has_ingested() -> None:
    graph = defs.resolve_asset_graph()
    bars = dg.AssetKey("bars_1d")
    assert bars in graph.get(FEED).parent_keys
    assert {FEED, bars} <= set(defs.resolve_job_def("nightly").asset_layer.selected_asset_keys)


def test_alone_it_follows_the_lake_and_a_series_that_is_not_there_warns_where_it_is_replayed(
    home: Path,
    drop: Callable[..., Path],
    run: Callable[..., dg.ExecuteInProcessResult],
    feed: Callable[[], dg.ExecuteInProcessResult],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drop("GOOD")
    assert run("ingest").success
    monkeypatch.setenv("PI5_LIVE_STRATEGIES", '[{name = "sma_cross", symbol = "NONE"}]')
    result = feed()
    assert result.success
    assert (figures(result)["missing"], figures(result)["dagster/row_count"]) == ("NONE 1d", 0)
    assert check(result).passed
    monkeypatch.setenv("PI5_LIVE_PRICES", "export")
    warned = check(feed())
    assert (warned.passed, warned.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert warned.description == "the lake has no bars of NONE 1d"
    monkeypatch.delenv("PI5_LIVE_STRATEGIES")
    assert check(feed()).passed
    export_file(home).unlink()
    export_file(home).mkdir()
    failed = feed()
    assert not failed.success
    assert f"{export_file(home)}: cannot be written" in str(failed.get_step_failure_events()[0].step_failure_data)


@pytest.mark.slow
@pytest.mark.parametrize("symbol", ["GOOG", "AAPL"])
def test_replayed_it_is_traded_as_the_lakes_unadjusted_bars_are(
    symbol: str, home: Path, run: Callable[..., dg.ExecuteInProcessResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PI5_INGEST_SOURCES", '["sample"]')
    assert run("ingest").success
    (instrument,) = (one for one in read_instruments(export_file(home)) if one.symbol == symbol)
    entry = StrategySettings(
        name="sma_cross",
        symbol=symbol,
        params={"fast": 10, "slow": 30},
        fee_bps=5.0,
        slippage_bps=2.0,
        lot=float(instrument.lot),
        tick=float(instrument.tick_size),
    )
    broker, bodies, closed = PaperBroker([entry]), list[Body](), list[BarClosed]()

    async def replay() -> None:
        stream = replay_export(export_file(home), [symbol], "1d", speed=0.0, clock=lambda: 0)
        async for update in stream:
            assert isinstance(update, BarClosed)
            closed.append(update)
            bodies.extend(broker.on_bar(update))

    broker.start(entry.key, [])
    asyncio.run(replay())
    bars = bars_from_lake(Lake(load_settings().folder("lake")), symbol, adjust="none")
    numbers = ("open", "high", "low", "close", "volume")
    assert [(one.ts_ns // 1_000, *(float(getattr(one, name)) for name in numbers)) for one in closed] == list(
        zip(bars.ts_us, *(getattr(bars, name) for name in numbers), strict=True)
    )
    spec = BacktestSpec(
        strategy="sma_cross",
        params=entry.params,
        cash=entry.cash,
        fee_bps=5.0,
        slippage_bps=2.0,
        direction="both",
        close_at_end=False,
    )
    fills = run_backtest(spec, [bars], interpreted=True).fills
    sides = {body.client_order_id: body.side for body in bodies if isinstance(body, OrderIntent)}
    mine = [
        (one.traded_ns // 1_000, sides[one.client_order_id], float(one.quantity), float(one.price), float(one.fee))
        for one in bodies
        if isinstance(one, OrderFilled)
    ]
    columns = (fills[name] for name in ("side", "quantity", "price", "fee"))
    assert mine == list(zip(fills["ts"].dt.epoch("us"), *columns, strict=True))
    assert len(mine) > 50
