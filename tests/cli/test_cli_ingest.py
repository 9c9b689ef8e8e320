"""`pi5 ingest`: what is missing and no more, by symbol, source and day; bad files do not stop good ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

NEW = ("2024-01-02,10,11,9,10.5,100", "2024-01-03,10.5,12,10,11,200")


def counts(report: dict[str, Any]) -> dict[str, tuple[int, int, int]]:
    return {one["symbol"]: (one["new"], one["restated"], one["unchanged"]) for one in report["symbols"]}


def test_a_first_ingest_takes_everything_and_a_second_one_nothing(
    pi5: Callable[..., Result], document: Callable[..., Any], snapshot: Callable[[], dict[str, str]]
) -> None:
    assert pi5("init").exit_code == 0
    first = document("ingest", "--json")
    assert counts(first) == {
        "AAPL": (3_270, 0, 0),
        "GOOG": (2_148, 0, 0),
        "IBM": (3_270, 0, 0),
        "MSFT": (3_270, 0, 0),
    }
    before = {path: digest for path, digest in snapshot().items() if ".locks" not in path}
    second = document("ingest", "--json")
    assert second == {"symbols": [], "rejected": [], "failed_checks": [], "versions": first["versions"]}
    assert {path: digest for path, digest in snapshot().items() if ".locks" not in path} == before
    assert "Nothing new." in pi5("ingest").stdout


def test_symbol_and_source_narrow_what_is_taken(document: Callable[..., Any], drop: Callable[..., Path]) -> None:
    drop("NEW.csv", *NEW)
    assert counts(document("ingest", "--symbol", "GOOG", "--json")).keys() == {"GOOG"}
    assert counts(document("ingest", "--source", "inbox", "--json")) == {"NEW": (2, 0, 0)}
    assert counts(document("ingest", "--symbol", "IBM", "--symbol", "MSFT", "--json")).keys() == {"IBM", "MSFT"}


def test_days_are_fetched_anew_and_change_nothing_when_they_are_the_same(
    lake_home: Path, document: Callable[..., Any]
) -> None:
    assert lake_home.exists()
    before = document("data", "versions", "--json")["bars_1d"]
    found = document("ingest", "--symbol", "GOOG", "--start", "2010-01-04", "--end", "2010-01-08", "--json")
    assert counts(found) == {"GOOG": (0, 0, 5)}
    assert found["versions"]["bars_1d"] == before


def test_only_the_asked_for_days_come_in_and_the_others_stay_to_be_had(document: Callable[..., Any]) -> None:
    found = document("ingest", "--symbol", "IBM", "--start", "2012-12-31", "--end", "2013-01-03", "--json")
    assert counts(found) == {"IBM": (3, 0, 0)}
    assert counts(document("ingest", "--symbol", "IBM", "--json")) == {"IBM": (3_267, 0, 0)}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--symbol", "XX"), "sources sample, inbox: no source offers XX (they offer: AAPL, GOOG, IBM, MSFT)"),
        (("--source", "web"), "no such source: 'web' (there are: sample, inbox)"),
        (("--start", "2050-01-01"), "no source has bars from 2050-01-01 to the end"),
        (("--start", "2010-02-01", "--end", "2010-01-01"), "2010-02-01 is later than 2010-01-01"),
        (("--end", "yesterday"), "'yesterday' is not a date; write it as YYYY-MM-DD"),
    ],
)
def test_what_no_source_offers_is_refused(
    lake_home: Path, refused: Callable[..., str], options: tuple[str, ...], line: str
) -> None:
    assert lake_home.exists()
    assert line in refused("ingest", *options)


def test_a_bad_file_is_named_and_the_good_one_is_taken(
    lake_home: Path, pi5: Callable[..., Result], drop: Callable[..., Path], document: Callable[..., Any]
) -> None:
    assert lake_home.exists()
    bad = drop("BAD.csv", NEW[0], "2024-01-03,10,11,9,ten,100")
    drop("GOOD.csv", *NEW)
    answer = pi5("ingest", "--source", "inbox")
    assert answer.exit_code == 1
    (line,) = [line for line in answer.stderr.splitlines() if line.startswith("rejected: ")]
    assert line.startswith(f"rejected: {bad}: line 3, column 'Close': 'ten' is no number")
    assert "Traceback" not in answer.stderr
    rows = document("data", "show", "bars_1d", "--symbol", "GOOD", "--json")["rows"]
    assert [row["close"] for row in rows] == [10.5, 11]


def test_with_json_a_rejected_file_stands_in_the_document(
    pi5: Callable[..., Result], drop: Callable[..., Path]
) -> None:
    bad = drop("BAD.csv", "2024-01-02,10,11,9,ten,100")
    answer = pi5("ingest", "--source", "inbox", "--json")
    assert answer.exit_code == 1
    (rejected,) = json.loads(answer.stdout)["rejected"]
    assert rejected["file"] == str(bad)
    assert "'ten' is no number" in rejected["reason"]


def test_a_mended_file_is_taken(pi5: Callable[..., Result], drop: Callable[..., Path]) -> None:
    drop("BAD.csv", "2024-01-02,10,11,9,ten,100")
    assert pi5("ingest", "--source", "inbox").exit_code == 1
    drop("BAD.csv", *NEW)
    assert pi5("ingest", "--source", "inbox").exit_code == 0


def test_bars_that_fail_a_check_are_told_and_still_taken(
    pi5: Callable[..., Result], drop: Callable[..., Path], document: Callable[..., Any]
) -> None:
    drop("ODD.csv", "2024-01-02,10,9,11,10.5,100", NEW[1])
    answer = pi5("ingest", "--source", "inbox")
    assert answer.exit_code == 0
    assert answer.stderr.startswith("check failed: ODD ")
    assert [one["symbol"] for one in document("status", "--json")["failed_checks"]] == ["ODD"]


def test_without_sources_the_lake_stays_empty(pi5: Callable[..., Result], home: Path) -> None:
    Path("pi5.toml").write_text("[ingest]\nsources = []\n")
    answer = pi5("ingest")
    assert (answer.exit_code, answer.stderr) == (0, "")
    assert "The lake is empty: drop CSV files into the inbox" in answer.stdout
    assert not (home / "lake").exists()
