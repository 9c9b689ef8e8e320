"""The gate before the backtests: a bad symbol is left out and named, nothing usable stops the night."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg

from pi5_pipelines.checks.bars import CHECKS
from pi5_pipelines.checks.ruling import rulings
from pi5_pipelines.market import quality

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def verdict(symbol: str, check: str, *, passed: bool) -> dict[str, Any]:
    return {"symbol": symbol, "check": check, "passed": passed, "count": 0, "first_ts": None, "detail": ""}


def failed(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    found = result.get_asset_check_evaluations()
    return {one.check_name: one for one in found if not one.passed}


def test_checks_are_those_that_quality_makes() -> None:
    assert tuple(CHECKS) == quality.CHECKS


def test_one_bad_symbol_warns_and_the_others_go_on() -> None:
    rows = [verdict("GOOD", "schema", passed=True), verdict("BAD", "schema", passed=False)]
    ruling = rulings(rows, ["schema"])["schema"]
    assert (ruling.passed, ruling.stops) == (False, False)
    assert "1 of 2 symbols fail (BAD)" in ruling.sentence


def test_symbols_that_all_fail_some_check_stop_the_night_whichever_it_is() -> None:
    rows = [
        verdict("A", "schema", passed=False),
        verdict("B", "schema", passed=True),
        verdict("A", "time_order", passed=True),
        verdict("B", "time_order", passed=False),
        verdict("A", "ohlc_sanity", passed=True),
        verdict("B", "ohlc_sanity", passed=True),
    ]
    found = rulings(rows, ["schema", "time_order", "ohlc_sanity"])
    assert [found[name].stops for name in found] == [True, True, False]


def test_a_failure_that_is_only_told_leaves_nobody_out() -> None:
    rows = [verdict("A", "schema", passed=True), verdict("A", "off_session_bars", passed=False)]
    found = rulings(rows, ["schema", "off_session_bars"])
    assert [found[name].stops for name in found] == [False, False]
    assert not found["off_session_bars"].passed
    assert found["off_session_bars"].sentence == "1 of 1 symbols fail (A): told, and backtested all the same"


def test_a_check_made_of_no_symbol_stops_the_night() -> None:
    ruling = rulings([], ["schema"])["schema"]
    assert (ruling.passed, ruling.stops) == (False, True)


def test_no_usable_symbol_blocks_everything_after_the_checks(
    home: Path, drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    drop("HOLE", skip=7)
    result = run("nightly")
    assert not result.success
    assert failed(result)["missing_sessions"].severity is dg.AssetCheckSeverity.ERROR
    done = {event.step_key for event in result.all_events if event.is_step_success}
    assert done == {"ingest_prices"}
    assert not (home / "reports").exists()


def test_a_file_that_cannot_be_taken_is_named_and_stops_nothing(
    home: Path, drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    drop("GOOD")
    (home / "inbox" / "LETTER.csv").write_text("Dear Sir,\nplease find no prices.\n")
    result = run("ingest")
    assert result.success
    bad = failed(result)
    assert list(bad) == ["inbox_files_taken"]
    assert bad["inbox_files_taken"].severity is dg.AssetCheckSeverity.WARN
    assert "LETTER.csv" in str(bad["inbox_files_taken"].description)


def test_an_ingest_of_chosen_days_and_symbols_fetches_only_those(
    drop: Callable[..., Path], run: Callable[..., dg.ExecuteInProcessResult]
) -> None:
    for symbol in ("GOOD", "MORE"):
        drop(symbol)
    chosen = {"start": "2024-02-01", "end": "2024-02-07", "symbols": ["MORE"]}
    result = run("ingest", run_config={"ops": {"ingest_prices": {"config": chosen}}})
    (made,) = [
        event
        for event in result.all_events
        if event.is_step_materialization and event.asset_key == dg.AssetKey("bars_1d")
    ]
    assert made.materialization.metadata["dagster/row_count"].value == 5


def test_a_day_that_is_none_is_refused_in_one_line(home: Path, run: Callable[..., dg.ExecuteInProcessResult]) -> None:
    del home
    result = run("ingest", run_config={"ops": {"ingest_prices": {"config": {"start": "yesterday"}}}})
    failure = result.failure_data_for_node("ingest_prices")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "start is 'yesterday', not a day (write it as 2024-12-31)" in str(failure.user_failure_data.description)
