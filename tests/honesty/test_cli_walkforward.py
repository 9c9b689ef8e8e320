"""`pi5 walkforward` and `pi5 backtest --honesty`: documents, the ledger, and wrong input told in one line."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from pi5_pipelines.cli.main import pi5 as program
from pi5_pipelines.honesty.trials import Ledger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GRID = ("--param", "fast=4:12:4", "--param", "slow=20,40", "--fee-bps", "5")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith(("PI5_", "DAGSTER_")) and name != "PI5_NUMBA_CACHE":
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def pi5(home: Path) -> Callable[..., Result]:
    assert not home.exists()

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(program, arguments)

    return run


@pytest.fixture
def walk_goog(pi5: Callable[..., Result], goog_file: Path) -> Callable[..., dict[str, Any]]:
    def run(*options: str) -> dict[str, Any]:
        done = pi5("walkforward", "sma_cross", "--bars", str(goog_file), *GRID, *options, "--json", "-")
        assert done.exit_code == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    return run


def test_a_walk_forward_is_told_in_one_document_and_recorded_once(
    walk_goog: Callable[..., dict[str, Any]], home: Path
) -> None:
    found = walk_goog()
    assert found["strategy"] == "sma_cross"
    assert found["symbols"] == ["GOOG"]
    assert found["options"]["train"] == 504
    assert found["figures"]["combinations"] == 6
    assert found["level"] in {"good", "doubtful", "bad"}
    assert {one["params"]["fast"] for one in found["folds"]} <= {4.0, 8.0, 12.0}
    ledger = Ledger(home / "reports" / "trials.sqlite")
    assert ledger.count("sma_cross", "GOOG") == 6
    assert walk_goog() == found
    assert ledger.count("sma_cross", "GOOG") == 6
    walk_goog("--train", "300")
    assert ledger.count("sma_cross", "GOOG") == 6
    walk_goog("--where", "fast > 4")
    assert ledger.count("sma_cross", "GOOG") == 10


def test_options_change_the_folds(walk_goog: Callable[..., dict[str, Any]]) -> None:
    rolling, anchored = walk_goog("--purge", "10", "--embargo", "5"), walk_goog("--anchored")
    assert {one["train_start"] for one in anchored["folds"]} == {"2004-08-20"}
    assert len({one["train_start"] for one in rolling["folds"]}) == len(rolling["folds"])
    assert rolling["folds"][0]["test_start"] > anchored["folds"][0]["test_start"]
    by_return = walk_goog("--objective", "return")
    assert by_return["options"]["objective"] == "return"


def test_tables_for_people_name_the_verdict(pi5: Callable[..., Result], goog_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "found.json"
    page = tmp_path / "page.html"
    done = pi5("walkforward", "sma_cross", "--bars", str(goog_file), *GRID, "--json", str(path), "--report", str(page))
    assert done.exit_code == 0, done.stderr
    found = json.loads(path.read_bytes())
    assert found["sentences"][0] in done.stdout
    assert found["level"].upper() in done.stdout
    assert "walk-forward efficiency" in done.stdout
    assert f"Written: {path}" in done.stdout
    assert f"Written: {page}" in done.stdout
    text = page.read_text(encoding="utf-8")
    assert "sma_cross, walked forward" in text
    assert f'data-level="{found["level"]}"' in text


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--param", "quick=1,2"), "error: --param quick=1,2: no such parameter: 'quick' (there are: fast, slow)"),
        (("--train", "5"), "error: --train, --test, --purge and --embargo: train has 5 bars (use at least 20)"),
        (("--train", "9000"), "error: --train, --test, --purge and --embargo: 2148 bars are too few"),
        (("--purge", "-1"), "error: --purge: -1 bars (give 0 or more)"),
        (("--where", "fast > 5000"), "error: --where 'fast > 5000': no combination is left"),
        (("--param", "fast=1:5000", "--param", "slow=2:10000"), "error: --param: more than 100,000 combinations"),
        (("--objective", "luck"), "error: pi5 walkforward --objective: 'luck' is not one of"),
    ],
)
def test_wrong_input_is_one_line_and_makes_nothing(
    pi5: Callable[..., Result], goog_file: Path, home: Path, options: tuple[str, ...], line: str
) -> None:
    done = pi5("walkforward", "sma_cross", "--bars", str(goog_file), *options)
    assert done.exit_code == 2
    assert done.stderr.startswith(line)
    assert done.stderr.count("\n") == 1
    assert not (home / "reports").exists()


def test_honesty_of_a_backtest_is_kept_beside_it_and_leaves_the_result_alone(
    pi5: Callable[..., Result], goog_file: Path, home: Path
) -> None:
    plain = json.loads(pi5("backtest", "sma_cross", "--bars", str(goog_file), "--json", "-").stdout)
    done = pi5("backtest", "sma_cross", "--bars", str(goog_file), "--honesty", "--json", "-")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    honesty = found.pop("honesty")
    assert found == plain
    folder = home / "reports" / "results" / plain["result_id"]
    assert json.loads((folder / "honesty.json").read_bytes()) == honesty
    assert honesty["figures"]["trials"] == 1
    assert pi5("reproduce", plain["result_id"]).exit_code == 0
    pi5("backtest", "sma_cross", "--bars", str(goog_file), "--param", "fast=7", "--json", "-")
    shown = pi5("backtest", "sma_cross", "--bars", str(goog_file), "--honesty")
    assert "trials on record" in shown.stdout
    again = json.loads((folder / "honesty.json").read_bytes())
    assert again["figures"]["trials"] == 2
    assert again["sentences"][0] in shown.stdout


def test_finer_bars_and_honesty_do_not_go_together(pi5: Callable[..., Result], goog_file: Path, home: Path) -> None:
    fine = ("--fine-bars", str(goog_file), "--honesty")
    done = pi5("backtest", "sma_cross", "--bars", str(goog_file), *fine)
    assert done.exit_code == 2
    assert done.stderr == "error: --honesty: its further runs know no finer bars (leave the finer bars out)\n"
    assert not (home / "reports").exists()
