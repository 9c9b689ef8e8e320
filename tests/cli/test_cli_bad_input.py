"""Whatever is wrong with the input: one line naming the place and the reason, no traceback, and nothing written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

HEADER = "Date,Open,High,Low,Close,Volume\n"
ROW = "2024-01-02,1,2,1,1.5,5\n"


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("missing.csv", "Date,Open,High,Low,Volume\n2024-01-02,1,2,1,5\n", "no column 'close'"),
        ("misspelt.csv", HEADER.replace("Close", "Clsoe") + ROW, "no column 'close'; is 'Clsoe' meant?"),
        ("undated.csv", "Open,High,Low,Close,Volume\n1,2,1,1.5,5\n", "no column 'date'"),
        ("empty.csv", "", "is empty"),
        ("header.csv", HEADER, "holds no rows"),
        ("text.csv", f"{HEADER}{ROW}2024-01-03,1,2,1,many,5\n", "line 3, column 'Close': 'many' is no number"),
        ("gap.csv", f"{HEADER}2024-01-02,1,2,1,,5\n", "line 2, column 'Close': an empty value is no number"),
        ("twice.csv", HEADER + ROW + ROW, "is there twice"),
        ("day.csv", f"{HEADER}someday,1,2,1,1.5,5\n", "'someday' is no date or time"),
        ("torn.parquet", "PAR1", "cannot be read as Parquet"),
    ],
)
def test_a_wrong_bars_file_is_named_with_the_reason(
    refused: Callable[..., str], name: str, data: str, reason: str
) -> None:
    Path(name).write_text(data)
    line = refused("backtest", "sma_cross", "--bars", name)
    assert line.startswith(f"error: {name}: ")
    assert reason in line


def test_a_bars_file_that_is_not_there_or_a_folder_is_named(refused: Callable[..., str]) -> None:
    Path("folder").mkdir()
    Path("folder", "a.csv").write_text(HEADER + ROW)
    assert refused("backtest", "sma_cross", "--bars", "folder").startswith("error: folder: is a folder")
    for name in ("none.csv", "folder/*.csv"):
        assert refused("backtest", "sma_cross", "--bars", name).startswith(f"error: {name}: no such file")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--symbol", "GOGO"), "lake table bars_1d: no bars of 'GOGO' (there are: AAPL, GOOG, IBM, MSFT)"),
        (("--symbol", "AAPL", "--start", "2050-01-01"), "AAPL in lake table bars_1d: no bars from 2050-01-01"),
        (("--symbol", "AAPL", "--timeframe", "1h"), "the lake has no 1h bars yet (run `pi5 ingest` first)"),
        (("--symbol", "AAPL", "--start", "2010-02-01", "--end", "2010-01-01"), "2010-02-01 is later than 2010-01-01"),
        (("--symbol", "AAPL", "--symbol", "AAPL"), "--symbol: AAPL is given twice"),
        (("--symbol", "AAPL", "--symbol", "IBM"), "strategy sma_cross: it trades one symbol a run, not 2"),
        (("--symbol", "AAPL", "--bars", "x.csv"), "give either --bars FILE or --symbol SYM"),
        ((), "no bars to run on"),
        (("--bars", "x.csv", "--adjust", "splits"), "--adjust splits: a file brings no splits or dividends"),
    ],
)
def test_a_wrong_choice_of_bars_is_refused(
    lake_home: Path, refused: Callable[..., str], options: tuple[str, ...], line: str
) -> None:
    assert lake_home.exists()
    assert line in refused("backtest", "sma_cross", *options)


@pytest.mark.parametrize(
    ("param", "reason"),
    [
        ("fats=20", "no such parameter: 'fats' (did you mean 'fast'?)"),
        ("colour=1", "no such parameter: 'colour' (there are: fast, slow)"),
        ("fast", "not of the form NAME=VALUE"),
        ("=20", "not of the form NAME=VALUE"),
        ("fast=", "'' is not a number"),
        ("fast=ten", "'ten' is not a number"),
        ("fast=nan", "'nan' is not a finite number"),
        ("fast=inf", "'inf' is not a finite number"),
        ("fast=0", "fast=0 must lie between 1 and 5000"),
        ("fast=-3", "fast=-3 must lie between 1 and 5000"),
        ("fast=1.5", "fast=1.5 must be a whole number"),
        ("fast=30", "fast=30 must be smaller than slow=30"),
        ("fast=40", "fast=40 must be smaller than slow=30"),
    ],
)
def test_a_wrong_parameter_is_refused(lake_home: Path, refused: Callable[..., str], param: str, reason: str) -> None:
    assert lake_home.exists()
    assert reason in refused("backtest", "sma_cross", "--symbol", "AAPL", "--param", param)


def test_a_parameter_given_twice_is_refused(lake_home: Path, refused: Callable[..., str]) -> None:
    assert lake_home.exists()
    line = refused("backtest", "sma_cross", "--symbol", "AAPL", "--param", "fast=5", "--param", "fast=6")
    assert line.startswith("error: --param fast=6: 'fast' is given twice")


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--cash", "0", "cash is 0"),
        ("--cash", "-1", "cash is -1"),
        ("--cash", "nan", "cash is nan"),
        ("--cash", "inf", "cash is inf"),
        ("--fee-bps", "-1", "fee_bps is -1"),
        ("--fee-bps", "nan", "fee_bps is nan"),
        ("--slippage-bps", "-1", "slippage_bps is -1"),
        ("--slippage-bps", "10000", "slippage_bps is 10000"),
        ("--sizing", "half", "sizing is 'half'"),
        ("--sizing", "units=0", "sizing is 'units=0'"),
        ("--sizing", "units=-5", "sizing is 'units=-5'"),
        ("--sizing", "units=", "sizing is 'units='"),
    ],
)
def test_wrong_money_is_refused(
    lake_home: Path, refused: Callable[..., str], option: str, value: str, reason: str
) -> None:
    assert lake_home.exists()
    line = refused("backtest", "sma_cross", "--symbol", "AAPL", option, value)
    assert line.startswith(f"error: strategy sma_cross: {reason} (")


@pytest.mark.parametrize(
    ("strategy", "hint"),
    [("sma_crss", "did you mean 'sma_cross'?"), ("SMA", "there are: atr_breakout, "), ("zzz", "there are: ")],
)
def test_an_unknown_strategy_is_answered_with_the_nearest(
    lake_home: Path, refused: Callable[..., str], strategy: str, hint: str
) -> None:
    assert lake_home.exists()
    line = refused("backtest", strategy, "--symbol", "AAPL")
    assert f"no such strategy: {strategy!r}" in line
    assert hint in line


def test_a_strategy_over_many_symbols_is_not_run_on_one(lake_home: Path, refused: Callable[..., str]) -> None:
    assert lake_home.exists()
    line = refused("backtest", "momentum_rotation", "--symbol", "AAPL")
    assert line.startswith("error: strategy momentum_rotation: it chooses among several symbols, and got one (")


@pytest.mark.parametrize("option", ["--json", "--report"])
@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("nowhere/out", "No such file or directory"),
        ("file/out", "Not a directory"),
        ("folder", "folder is a folder"),
        ("/proc/out", "/proc cannot be written to"),  # no rights, not even for root
    ],
)
def test_a_target_that_cannot_be_written_is_refused_before_the_run(
    lake_home: Path, refused: Callable[..., str], option: str, target: str, reason: str
) -> None:
    assert lake_home.exists()
    Path("file").write_text("")
    Path("folder").mkdir()
    line = refused("backtest", "buy_and_hold", "--symbol", "AAPL", option, target)
    assert line.startswith(f"error: {option}")
    assert reason in line
    assert not Path("nowhere").exists()


@pytest.mark.parametrize(
    ("content", "place"),
    [("[backtest\n", "pi5.toml: not valid TOML"), ('[backtest]\ncash = "much"\n', "pi5.toml, line 2: key")],
)
def test_a_broken_configuration_stops_every_command(
    lake_home: Path, pi5: Callable[..., Result], snapshot: Callable[[], dict[str, str]], content: str, place: str
) -> None:
    assert lake_home.exists()
    before = snapshot()
    Path("pi5.toml").write_text(content)
    for command in ("status", "ingest", "data list", "backup create", "reproduce abcdef", "backtest sma_cross"):
        more = ["--symbol", "AAPL"] if command.startswith("backtest") else []
        answer = pi5(*command.split(), *more)
        assert answer.exit_code == 2, command
        assert answer.stderr.startswith(f"error: {place}"), command
        assert answer.stderr.count("\n") == 1, command
    assert snapshot() == before
