"""`pi5 reproduce`: the same bytes again, or exactly what changed: data, code, or the stored result itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pi5_pipelines.lake.compaction import vacuum
from pi5_pipelines.lake.table import Lake

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

RESTATED = "2013-02-28,444.05,447.87,441.40,400.00,11518400"  # AAPL closed at 441.40


@pytest.fixture
def stored(lake_home: Path, document: Callable[..., Any]) -> Path:
    """The folder of a stored result on AAPL of the lake."""
    found = document("backtest", "sma_cross", "--symbol", "AAPL", "--fee-bps", "5", "--json", "-")
    return lake_home / "reports" / "results" / str(found["result_id"])


@pytest.fixture
def again(pi5: Callable[..., Result]) -> Callable[..., tuple[int, dict[str, Any]]]:
    """Reproduce a result; answers the exit code and the document."""

    def run(result_id: str) -> tuple[int, dict[str, Any]]:
        answer = pi5("reproduce", result_id, "--json")
        assert answer.stderr == ""
        return answer.exit_code, json.loads(answer.stdout)

    return run


def test_an_untouched_result_is_reproduced_byte_for_byte(
    stored: Path, again: Callable[..., tuple[int, dict[str, Any]]], pi5: Callable[..., Result]
) -> None:
    before = (stored / "result.json").read_bytes()
    assert again(stored.name) == (
        0,
        {"result_id": stored.name, "identical": True, "differences": [], "notes": []},
    )
    answer = pi5("reproduce", stored.name[:6])
    assert (answer.exit_code, answer.stdout) == (0, f"{stored.name}: reproduced byte for byte\n")
    assert (stored / "result.json").read_bytes() == before


def test_a_restated_bar_leaves_the_recorded_version_reproducible(
    stored: Path,
    drop: Callable[..., Path],
    document: Callable[..., Any],
    again: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    drop("AAPL.csv", RESTATED)
    report = document("ingest", "--json")
    (aapl,) = report["symbols"]
    assert (aapl["restated"], aapl["new"]) == (1, 0)
    assert report["versions"]["bars_1d"] == 1
    assert again(stored.name)[0] == 0
    found = document("backtest", "sma_cross", "--symbol", "AAPL", "--fee-bps", "5", "--json", "-")
    assert found["result_id"] != stored.name
    assert found["inputs"][0]["version"] == 1


def test_a_version_that_is_gone_says_which_bars_changed(
    stored: Path,
    lake_home: Path,
    drop: Callable[..., Path],
    pi5: Callable[..., Result],
    again: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    drop("AAPL.csv", RESTATED)
    assert pi5("ingest").exit_code == 0
    assert vacuum(Lake(lake_home / "lake"), "bars_1d", 0).files > 0
    code, found = again(stored.name)
    assert code == 1
    assert not found["identical"]
    assert found["differences"][0].startswith("bars of AAPL in bars_1d version 0 changed: sha256 was ")
    assert any(line.startswith("bars_1d version 0 cannot be read: ") for line in found["differences"])
    assert any(line.startswith("sharpe was ") for line in found["differences"])


def test_a_version_that_is_gone_does_not_matter_while_the_bars_are_the_same(
    stored: Path,
    lake_home: Path,
    drop: Callable[..., Path],
    pi5: Callable[..., Result],
    again: Callable[..., tuple[int, dict[str, Any]]],
) -> None:
    drop("OTHER.csv", "2013-02-28,1,1,1,1,1")
    assert pi5("ingest").exit_code == 0
    vacuum(Lake(lake_home / "lake"), "bars_1d", 0)
    code, found = again(stored.name)
    assert (code, found["differences"]) == (0, [])
    assert found["notes"][-1] == "the latest version holds the same bars of AAPL"


def test_a_tampered_figure_is_named_with_both_values(
    stored: Path, again: Callable[..., tuple[int, dict[str, Any]]], pi5: Callable[..., Result]
) -> None:
    found = json.loads((stored / "result.json").read_text())
    figure, found["equity_final"] = found["equity_final"], 1e6
    (stored / "result.json").write_text(json.dumps(found, sort_keys=True, indent=1) + "\n")
    code, outcome = again(stored.name)
    assert code == 1
    assert outcome["differences"] == [f"equity_final was 1000000.0, is {figure}"]
    answer = pi5("reproduce", stored.name)
    assert answer.exit_code == 1
    assert "not reproduced; what changed:" in answer.stdout


@pytest.mark.parametrize("name", ["curve", "fills", "trades"])
def test_a_tampered_table_is_named(
    stored: Path, document: Callable[..., Any], again: Callable[..., tuple[int, dict[str, Any]]], name: str
) -> None:
    other = document("backtest", "sma_cross", "--symbol", "AAPL", "--fee-bps", "6", "--json", "-")["result_id"]
    shutil.copy(stored.parent / other / f"{name}.parquet", stored)
    code, found = again(stored.name)
    assert code == 1
    assert found["differences"] == [f"{name}.parquet was changed after the run"]


def test_a_table_that_is_gone_is_named(stored: Path, again: Callable[..., tuple[int, dict[str, Any]]]) -> None:
    (stored / "curve.parquet").unlink()
    code, found = again(stored.name)
    assert code == 1
    assert found["differences"][0].startswith("the stored tables cannot be read: ")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("result.json", '{"strategy":'),
        ("result.json", "{}"),
        ("result.json", "[]"),
        ("run.json", ""),
        ("run.json", "{}"),
    ],
)
def test_a_result_damaged_beyond_reading_is_one_line(
    stored: Path, refused: Callable[..., str], name: str, content: str
) -> None:
    (stored / name).write_text(content)
    line = refused("reproduce", stored.name, code=1)
    assert line.startswith(f"error: {stored}: the stored result is damaged: ")


def test_a_bars_file_that_is_gone_is_named(
    goog_file: Path, document: Callable[..., Any], again: Callable[..., tuple[int, dict[str, Any]]]
) -> None:
    shutil.copy(goog_file, "own.csv")
    found = document("backtest", "buy_and_hold", "--bars", "own.csv", "--json", "-")
    assert again(found["result_id"])[0] == 0
    Path("own.csv").unlink()
    code, outcome = again(found["result_id"])
    assert code == 1
    assert "own.csv is gone: " in outcome["differences"][0]


@pytest.mark.parametrize("wanted", ["ffffffffff", "", "../../lake"])
def test_an_unknown_id_is_refused(stored: Path, refused: Callable[..., str], wanted: str) -> None:
    line = refused("reproduce", wanted)
    assert line.startswith(f"error: {stored.parent}: no result with id {wanted!r} (")


def test_a_short_or_ambiguous_id_is_refused(stored: Path, refused: Callable[..., str]) -> None:
    assert "give at least 6 characters" in refused("reproduce", stored.name[:5])
    shutil.copytree(stored, stored.with_name(f"{stored.name[:8]}00000000"))
    assert f"2 results with id {stored.name[:6]!r}" in refused("reproduce", stored.name[:6])
