"""The night runs what is new and nothing else, and says why it ran it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from pi5_pipelines.backtest import nightly, result
from pi5_pipelines.backtest.code_version import code_version
from pi5_pipelines.honesty.trials import Ledger, ledger_file
from pi5_pipelines.ingest import check, ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.market.calendars import sessions
from pi5_pipelines.settings import BacktestSettings, IngestSettings, Settings, StrategySettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Night = Callable[..., dict[tuple[str, str], dict[str, Any]]]

STRATEGIES = (StrategySettings("buy_and_hold"), StrategySettings("sma_cross", {"fast": 3.0, "slow": 9.0}))


def prices(days: int, *, last_close: float = 101.0) -> str:
    """Daily bars that swing; `last_close` is the close of the fifth, which may be restated."""
    rows = [
        f"{day},{100 + n % 7},{110 + n % 7},{90 + n % 7},{last_close if n == 4 else 101 + n % 7},1000"
        for n, day in enumerate(sessions("XNYS", date(2024, 1, 2), date(2024, 3, 28))[:days])
    ]
    return "\n".join(["Date,Open,High,Low,Close,Volume", *rows])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        home=str(tmp_path), ingest=IngestSettings(sources=("inbox",)), backtest=BacktestSettings(strategies=STRATEGIES)
    )


@pytest.fixture
def night(settings: Settings) -> Night:
    """Drop prices of A and B (each the options of `prices`), fetch them, run the night; answers its lines."""

    def run(a: str, b: str, chosen: Settings = settings) -> dict[tuple[str, str], dict[str, Any]]:
        lake = Lake(chosen.folder("lake"))
        for symbol, content in (("A", a), ("B", b)):
            path = chosen.folder("inbox") / f"{symbol}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        ingest(chosen, lake)
        check(chosen, lake)
        outcome = nightly.run_nightly(chosen, lake)
        assert not outcome.failed
        return {(row["strategy"], row["symbols"][0]): row for row in outcome.results}

    return run


def test_a_second_night_on_the_same_data_runs_nothing_and_changes_no_line(
    night: Night, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = night(prices(50), prices(50))
    kept = nightly.outcome_file(settings).read_bytes()
    assert {row["change"] for row in first.values()} == {"first run"}
    monkeypatch.setattr(nightly, "run_backtest", pytest.fail)
    assert night(prices(50), prices(50)) == first
    assert nightly.outcome_file(settings).read_bytes() == kept


def test_a_bar_on_a_day_without_a_session_is_told_and_its_symbol_is_run(night: Night, settings: Settings) -> None:
    saturday = prices(50) + "\n2024-01-06,100,110,90,101,1000"
    assert {symbol for _, symbol in night(saturday, prices(50))} == {"A", "B"}
    found = Lake(settings.folder("lake")).read("verdicts").filter(~pl.col("passed"))
    assert found.select("symbol", "check", "detail").rows() == [
        ("A", "off_session_bars", "the exchange did not trade on: 2024-01-06")
    ]


def test_every_run_is_a_trial_and_a_second_night_makes_none(night: Night, settings: Settings) -> None:
    night(prices(50), prices(50))
    ledger = Ledger(ledger_file(settings))
    assert [ledger.count(strategy) for strategy in ("buy_and_hold", "sma_cross")] == [2, 2]
    night(prices(50), prices(50))
    assert ledger.count() == 4


def test_a_ledger_that_cannot_be_used_is_told_and_costs_no_result(night: Night, settings: Settings) -> None:
    first = night(prices(50), prices(50))
    ledger_file(settings).write_bytes(b"no database, but long enough to be taken for one" * 100)
    outcome = nightly.run_nightly(settings, Lake(settings.folder("lake")))
    assert {(row["strategy"], row["symbols"][0]) for row in outcome.results} == first.keys()
    (told,) = outcome.failed
    assert "the ledger of trials cannot be used" in told["reason"]


def test_a_restated_bar_runs_its_symbol_again_and_no_other(night: Night) -> None:
    first = night(prices(50), prices(50))
    second = night(prices(50, last_close=105.0), prices(50))
    for strategy in ("buy_and_hold", "sma_cross"):
        assert second[strategy, "B"] == first[strategy, "B"]
        assert second[strategy, "A"]["change"] == "bars restated: A"
        assert second[strategy, "A"]["previous"]["result_id"] == first[strategy, "A"]["result_id"]
        assert second[strategy, "A"]["previous"]["return_pct"] == first[strategy, "A"]["return_pct"]


def test_new_bars_are_told_from_restated_ones(night: Night) -> None:
    night(prices(50), prices(50))
    second = night(prices(53), prices(52, last_close=105.0))
    assert second["sma_cross", "A"]["change"] == "3 new bars"
    assert second["sma_cross", "B"]["change"] == "bars restated: B"


def test_changed_options_are_named(night: Night, settings: Settings) -> None:
    night(prices(50), prices(50))
    dearer = Settings(
        home=settings.home,
        ingest=settings.ingest,
        backtest=BacktestSettings(strategies=STRATEGIES, fee_bps=9.0, direction="both"),
    )
    second = night(prices(50), prices(50), dearer)
    assert {row["change"] for row in second.values()} == {"fee_bps changed, direction changed"}


def test_a_changed_strategy_file_runs_that_strategy_again_and_no_other(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = night(prices(50), prices(50))

    def changed(strategy: str | None = None) -> str:
        version = code_version(strategy)
        return "changed" if strategy == "sma_cross" else version

    for module in (nightly, result):
        monkeypatch.setattr(module, "code_version", changed)
    second = night(prices(50), prices(50))
    assert second["sma_cross", "A"]["change"] == "code changed"
    assert second["buy_and_hold", "A"] == first["buy_and_hold", "A"]
