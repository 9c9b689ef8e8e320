"""`pi5 status`, `doctor`, `strategies` and `--json`: where things stand, for people and as one document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pi5_pipelines.backtest.nightly import run_nightly
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.ledger.consume import consume
from pi5_pipelines.settings import load_settings
from tests.ledger.trading import write
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result


def test_status_before_anything_says_what_to_do(
    home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    found = document("status", "--json")
    assert found["home"] == str(home)
    assert (found["tables"], found["results"], found["data_as_of"], found["backup"]) == ([], [], None, None)
    answer = pi5("status")
    assert answer.exit_code == 0
    assert "pi5 ingest" in answer.stdout
    assert not home.exists()


def test_status_after_an_ingest_tells_the_data(
    lake_home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    assert lake_home.exists()
    found = document("status", "--json")
    assert found["data_as_of"] == "2013-03-01"
    assert {one["table"]: one["rows"] for one in found["tables"]}["bars_1d"] == 11_958
    assert found["failed_checks"] == []
    assert found["disk_free_bytes"] > 0
    answer = pi5("status")
    assert "as of 2013-03-01" in answer.stdout
    assert "pi5 backtest sma_cross" in answer.stdout


def test_status_after_a_night_tells_its_results(
    lake_home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    Path("pi5.toml").write_text(
        '[[backtest.strategies]]\nname = "buy_and_hold"\n'
        '[[backtest.strategies]]\nname = "sma_cross"\nsymbols = ["GOOG", "GONE"]\n'
    )
    run_nightly(load_settings(), Lake(lake_home / "lake"))
    found = document("status", "--json")
    assert found["results_as_of"] == "2013-03-01"
    assert [(one["strategy"], one["symbols"]) for one in found["results"]] == [
        *(("buy_and_hold", [symbol]) for symbol in ("AAPL", "GOOG", "IBM", "MSFT")),
        ("sma_cross", ["GOOG"]),
    ]
    (skipped,) = found["skipped"]
    assert (skipped["symbol"], skipped["strategy"]) == ("GONE", "sma_cross")
    answer = pi5("status")
    assert "Last night's backtests, data as of 2013-03-01" in answer.stdout
    assert "Left out: GONE (sma_cross): the lake holds no bars of it" in answer.stdout
    assert pi5("reproduce", found["results"][0]["result_id"]).exit_code == 0


def test_status_tells_of_the_live_engine_where_there_is_one(
    home: Path, pi5: Callable[..., Result], document: Callable[..., Any]
) -> None:
    assert document("status", "--json")["live"] is None
    path = home / "journal" / "live.sqlite"
    last = write(path, 1, 10)
    assert document("status", "--json")["live"]["in_the_ledger"] == 0
    assert f"{last} events, {last} not yet in the ledger" in pi5("status").stdout
    consume(load_settings())
    assert f"{last} events, all in the ledger" in pi5("status").stdout
    path.write_bytes(b"no journal at all, but a text that somebody put in its place")
    answer = pi5("status")
    assert answer.exit_code == 0
    assert "BAD: " in answer.stdout


def test_doctor_finds_nothing_wrong_with_a_filled_home(lake_home: Path, document: Callable[..., Any]) -> None:
    assert lake_home.exists()
    found = document("doctor", "--json")
    assert found["ok"]
    checks = {one["check"]: one for one in found["checks"]}
    assert checks["tables"]["detail"].startswith("5 open, ")


def test_doctor_without_a_home_fails_with_the_remedy(pi5: Callable[..., Result]) -> None:
    answer = pi5("doctor", "--json")
    assert answer.exit_code == 1
    found = json.loads(answer.stdout)
    assert not found["ok"]
    (failed,) = [one for one in found["checks"] if one["state"] == "fail"]
    assert (failed["check"], failed["mend"]) == ("home", "run `pi5 init`")
    assert pi5("doctor").exit_code == 1


def test_doctor_names_a_broken_configuration(pi5: Callable[..., Result]) -> None:
    Path("pi5.toml").write_text("[lake]\nkeep_days = 0\n")
    answer = pi5("doctor", "--json")
    assert answer.exit_code == 1
    (failed,) = [one for one in json.loads(answer.stdout)["checks"] if one["state"] == "fail"]
    assert failed["check"] == "configuration"
    assert "pi5.toml, line 2" in failed["detail"]


def test_doctor_names_a_damaged_table(lake_home: Path, pi5: Callable[..., Result]) -> None:
    Lake(lake_home / "lake").files("bars_1d")[0][0].unlink()
    answer = pi5("doctor", "--json")
    assert answer.exit_code == 1
    (failed,) = [one for one in json.loads(answer.stdout)["checks"] if one["state"] == "fail"]
    assert failed["check"] == "tables"
    assert "lake table bars_1d" in failed["detail"]
    assert "pi5 backup restore" in failed["mend"]


def test_strategies_lists_every_strategy_with_its_parameters(
    pi5: Callable[..., Result], document: Callable[..., Any], home: Path
) -> None:
    listed = {one["name"]: one for one in document("strategies", "--json")["strategies"]}
    assert list(listed) == strategies.names()
    fast = listed["sma_cross"]["parameters"][0]
    assert (fast["name"], fast["default"], fast["low"], fast["high"], fast["whole"]) == ("fast", 10, 1, 5_000, True)
    assert listed["sma_cross"]["orderings"] == ["fast < slow"]
    assert listed["momentum_rotation"]["symbols"] == "many"
    answer = pi5("strategies")
    assert all(name in answer.stdout for name in listed)
    assert not home.exists()


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "doctor",
        "strategies",
        "ingest",
        "data list",
        "data versions",
        "data versions bars_1d",
        "data show bars_1d",
        "data show verdicts",
        "backup create",
        "backup list",
    ],
)
def test_json_is_exactly_one_document(lake_home: Path, document: Callable[..., Any], command: str) -> None:
    assert lake_home.exists()
    assert isinstance(document(*command.split(), "--json"), dict)


@pytest.mark.parametrize(
    ("command", "where"),
    [
        ("data show nope --json", "lake"),
        ("reproduce abcdef --json", "results"),
        ("backup verify --json", "backups"),
        ("ingest --source web --json", "ingest.sources"),
        ("backtest nope --symbol AAPL --json -", ""),
        ("backtest sma_cross --json -", "pi5 backtest"),
    ],
)
def test_with_json_an_error_is_one_document_and_one_line(
    lake_home: Path, pi5: Callable[..., Result], command: str, where: str
) -> None:
    assert lake_home.exists()
    answer = pi5(*command.split())
    assert answer.exit_code != 0
    error = json.loads(answer.stdout)["error"]
    assert error["what"]
    assert where in error["where"]
    assert answer.stderr.count("\n") == 1
