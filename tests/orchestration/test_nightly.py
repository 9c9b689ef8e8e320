"""The whole night in this process: what it leaves, what a second one leaves alone, and what figures it gives the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backtest.nightly import read_outcome
from pi5_pipelines.backup import backup_folder, manifests, outcome
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.report.nightly import report_file
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import dagster as dg

ASSETS = {
    "raw_files",
    "instruments",
    "corporate_actions",
    "bars_1d",
    "engine_feed",
    "nightly_backtests",
    "nightly_report",
    "lake_compaction",
    "home_backup",
    "dagster_retention",
}


def metadata(result: dg.ExecuteInProcessResult) -> Mapping[str, Mapping[str, object]]:
    """Every asset's figures, by its name."""
    return {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.materialization.metadata.items()}
        for event in result.all_events
        if event.is_step_materialization and event.asset_key
    }


def test_a_good_night_makes_everything_and_a_second_one_changes_no_table(
    drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    drop("GOOD")
    drop("MORE")
    first = run("nightly")
    assert first.success
    assert set(metadata(first)) >= ASSETS
    settings = load_settings()
    lake = Lake(settings.folder("lake"))
    assert {(row["strategy"], *row["symbols"]) for row in read_outcome(settings).results} == {
        (strategy, symbol) for strategy in ("buy_and_hold", "sma_cross") for symbol in ("GOOD", "MORE")
    }
    assert "buy_and_hold" in report_file(settings).read_text()
    (kept,) = manifests(backup_folder(settings))
    verified = outcome(backup_folder(settings), kept.id)
    assert verified is not None
    assert verified.good
    versions = {info.name: info.version for info in lake.tables()}
    page = report_file(settings).read_bytes()
    second = run("nightly")
    assert second.success
    assert {info.name: info.version for info in lake.tables()} == versions
    assert report_file(settings).read_bytes() == page


@pytest.mark.slow
def test_the_night_gives_the_page_numbers_to_plot(
    drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    drop("GOOD")
    figures = metadata(run("nightly"))
    assert figures["bars_1d"]["dagster/row_count"] == 61
    for asset, names in {
        "bars_1d": ("bytes", "version"),
        "nightly_backtests": ("seconds", "results", "sharpe buy_and_hold/GOOD", "return_pct buy_and_hold/GOOD"),
        "nightly_report": ("bytes", "seconds"),
        "lake_compaction": ("bytes_after", "files_after", "seconds"),
        "home_backup": ("bytes", "bytes_new", "seconds"),
    }.items():
        for name in names:
            assert isinstance(figures[asset][name], int | float), (asset, name)


@pytest.mark.slow
def test_a_gap_in_one_symbol_is_told_in_the_report_and_stops_no_other(
    drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    drop("GOOD")
    drop("HOLE", skip=7)
    result = run("nightly")
    assert result.success
    settings = load_settings()
    page = report_file(settings).read_text()
    assert "<strong>HOLE</strong>" in page
    assert "missing_sessions" in page
    assert {tuple(row["symbols"]) for row in read_outcome(settings).results} == {("GOOD",)}


@pytest.mark.slow
def test_a_strategy_that_cannot_run_is_told_and_stops_no_other(
    drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    drop("GOOD")
    rotation = '{name = "momentum_rotation"}'
    monkeypatch.setenv("PI5_BACKTEST_STRATEGIES", f'[{rotation}, {{name = "buy_and_hold"}}]')
    assert run("nightly").success
    outcome_of_night = read_outcome(load_settings())
    assert {row["strategy"] for row in outcome_of_night.results} >= {"buy_and_hold"}


def test_a_backfill_of_many_years_is_one_run(
    home: Path, run: Callable[..., dg.ExecuteInProcessResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert home.exists()
    monkeypatch.setenv("PI5_INGEST_SOURCES", '["sample"]')
    chosen = {"start": "2001-01-02", "end": "2012-12-31", "symbols": ["IBM"]}
    result = run("ingest", run_config={"ops": {"ingest_prices": {"config": chosen}}})
    assert result.success
    bars = Lake(load_settings().folder("lake")).read("bars_1d")
    assert bars["symbol"].unique().to_list() == ["IBM"]
    assert str(bars["ts"].min())[:10] == "2001-01-02"
    assert str(bars["ts"].max())[:10] == "2012-12-31"


def test_every_asset_says_what_it_is_who_owns_it_and_how_it_is_made() -> None:
    from pi5_pipelines.definitions import defs

    graph = defs.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert len(node.description or "") > 30, key
        assert node.group_name in {"sources", "lake", "live", "research", "upkeep"}, key
        assert node.kinds, key
        assert node.owners, key
