"""`pi5 backtest`: the known answer from outside, and every option changes what it should and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    Run = Callable[..., dict[str, Any]]

CONTRACT = [
    "result_id",
    "strategy",
    "params",
    "bars",
    "start",
    "end",
    "equity_final",
    "return_pct",
    "trades",
    "win_rate_pct",
    "max_drawdown_pct",
    "sharpe",
    "sortino",
    "calmar",
    "volatility_pct",
    "profit_factor",
    "exposure_pct",
    "fees_paid",
    "inputs",
    "code_version",
    "metric_definitions",
]


@pytest.fixture
def backtest(goog_file: Path, document: Callable[..., Any]) -> Run:
    """Run the moving averages on the real prices of GOOG, with more options; answers the result's document."""

    def run(*options: str) -> dict[str, Any]:
        found: dict[str, Any] = document("backtest", "sma_cross", "--bars", str(goog_file), *options, "--json", "-")
        return found

    return run


@pytest.fixture
def simple(document: Callable[..., Any]) -> Run:
    """Buy and hold 10 units over five bars whose fills and fees are easily worked out by hand."""
    rows = [("01", 100, 101), ("02", 102, 103), ("03", 104, 105), ("04", 106, 107), ("05", 110, 111)]
    lines = [f"2024-01-{day},{opened},{close + 1},{opened - 1},{close},1000" for day, opened, close in rows]
    Path("simple.csv").write_text("\n".join(["date,open,high,low,close,volume", *lines, ""]))

    def run(*options: str) -> dict[str, Any]:
        fixed = ("--bars", "simple.csv", "--sizing", "units=10", "--json", "-")
        found: dict[str, Any] = document("backtest", "buy_and_hold", *fixed, *options)
        return found

    return run


def fills_of(home: Path, result: dict[str, Any]) -> pl.DataFrame:
    return pl.read_parquet(home / "reports" / "results" / result["result_id"] / "fills.parquet")


def test_the_known_answer(backtest: Run) -> None:
    options = [
        "--direction",
        "both",
        "--cash",
        "10000",
        "--fee-bps",
        "0",
        "--sizing",
        "all-in",
        "--fill",
        "next-open",
        "--close-at-end",
    ]
    found = backtest("--param", "fast=10", "--param", "slow=30", *options)
    assert set(CONTRACT) <= found.keys()
    assert found["equity_final"] == pytest.approx(51_422.98999999996, rel=1e-9)
    assert found["trades"] == 66
    assert found["win_rate_pct"] == pytest.approx(46.96969697, rel=1e-9)
    assert found["max_drawdown_pct"] == pytest.approx(-47.98012705, rel=1e-9)
    assert found["profit_factor"] == pytest.approx(2.16794597, rel=1e-8)
    assert (found["bars"], found["start"], found["end"]) == (2148, "2004-08-19", "2013-03-01")
    assert found["params"] == {"fast": 10, "slow": 30}
    assert found == backtest()


def test_parquet_and_other_cases_of_names_give_the_result_of_csv(
    backtest: Run, document: Callable[..., Any], goog_file: Path
) -> None:
    frame = pl.read_csv(goog_file).rename({"": "DATE", "Open": "OPEN", "Close": "close"})
    frame.with_columns(pl.col("DATE").str.to_date()).write_parquet("GOOG.parquet")
    found = document("backtest", "sma_cross", "--bars", "GOOG.parquet", "--json", "-")
    expected = backtest()
    assert {**found, "inputs": None} == {**expected, "inputs": None}
    assert found["inputs"][0]["file"] != expected["inputs"][0]["file"]


def test_fees_and_slippage_are_those_worked_out_by_hand(simple: Run) -> None:
    free = simple()
    assert free["equity_final"] == pytest.approx(10_000 + 10 * (110 - 102))
    assert (free["fees_paid"], free["slippage_paid"], free["trades"]) == (0, 0, 1)
    charged = simple("--fee-bps", "10")
    assert charged["fees_paid"] == pytest.approx((10 * 102 + 10 * 110) * 0.001)
    assert charged["equity_final"] == pytest.approx(free["equity_final"] - charged["fees_paid"])
    both = simple("--fee-bps", "10", "--slippage-bps", "20")
    bought, sold = 102 * 1.002, 110 * 0.998
    assert both["slippage_paid"] == pytest.approx(10 * (bought - 102) + 10 * (110 - sold))
    assert both["fees_paid"] == pytest.approx(10 * (bought + sold) * 0.001)
    assert both["equity_final"] == pytest.approx(10_000 + 10 * (sold - bought) - both["fees_paid"])


def test_fill_close_trades_at_the_close_of_the_deciding_bar(simple: Run) -> None:
    assert simple("--fill", "close")["equity_final"] == pytest.approx(10_000 + 10 * (111 - 101))


def test_leave_open_values_the_position_at_the_last_close(simple: Run, home: Path) -> None:
    found = simple("--leave-open")
    assert found["equity_final"] == pytest.approx(10_000 + 10 * (111 - 102))
    assert fills_of(home, found)["side"].to_list() == ["buy"]
    assert found["trades"] == 1


def test_start_and_end_cut_the_bars_both_included(simple: Run) -> None:
    found = simple("--start", "2024-01-02", "--end", "2024-01-04")
    assert (found["bars"], found["start"], found["end"]) == (3, "2024-01-02", "2024-01-04")
    assert found["equity_final"] == pytest.approx(10_000 + 10 * (106 - 104))


def test_fees_paid_are_the_sum_over_the_fills(backtest: Run, home: Path) -> None:
    found = backtest("--fee-bps", "7.5")
    fills = fills_of(home, found)
    assert fills.height > 100
    assert found["fees_paid"] == pytest.approx(float((fills["quantity"] * fills["price"]).sum()) * 7.5e-4)
    assert found["equity_final"] < backtest()["equity_final"]


def test_direction_long_never_sells_short(backtest: Run, home: Path) -> None:
    found = backtest("--direction", "long")
    folder = home / "reports" / "results" / found["result_id"]
    assert set(pl.read_parquet(folder / "trades.parquet")["side"]) == {"long"}
    assert found["trades"] == 33
    assert found["exposure_pct"] < backtest()["exposure_pct"]


def test_sizing_units_trades_that_many(backtest: Run, home: Path) -> None:
    found = backtest("--sizing", "units=10")
    assert set(fills_of(home, found)["quantity"]) == {10.0}


def test_sizing_all_in_takes_whole_shares_unless_fractional(backtest: Run, home: Path) -> None:
    whole = fills_of(home, backtest())["quantity"]
    fractional = fills_of(home, backtest("--sizing", "all-in-fractional"))["quantity"]
    assert (whole == whole.floor()).all()
    assert (fractional != fractional.floor()).any()


def test_cash_is_what_the_account_starts_with(simple: Run) -> None:
    found = simple("--cash", "2000")
    assert (found["cash"], found["equity_final"]) == (2000, pytest.approx(2_080))


def test_interpreted_gives_the_same_document(simple: Run) -> None:
    assert simple("--interpreted", "--fee-bps", "3") == simple("--fee-bps", "3")


def test_json_goes_to_a_file_and_a_table_to_people(pi5: Callable[..., Result], backtest: Run, goog_file: Path) -> None:
    answer = pi5("backtest", "sma_cross", "--bars", str(goog_file), "--json", "out.json")
    assert answer.exit_code == 0
    found = json.loads(Path("out.json").read_text())
    assert found == backtest()
    assert f"pi5 reproduce {found['result_id']}" in answer.stdout
    assert "51,422.99" in answer.stdout


def test_a_pipe_as_target_is_written_into_and_stays_a_pipe(
    pi5: Callable[..., Result], backtest: Run, goog_file: Path
) -> None:
    os.mkfifo("pipe")
    reader = os.open("pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert pi5("backtest", "sma_cross", "--bars", str(goog_file), "--json", "pipe").exit_code == 0
        assert json.loads(os.read(reader, 1 << 16)) == backtest()
    finally:
        os.close(reader)
    assert Path("pipe").is_fifo()


def test_a_symbol_of_the_lake_records_table_and_version(lake_home: Path, document: Callable[..., Any]) -> None:
    found = document("backtest", "sma_cross", "--symbol", "GOOG", "--json", "-")
    (origin,) = found["inputs"]
    version = document("data", "versions", "--json")["bars_1d"]
    assert (origin["symbol"], origin["table"], origin["version"]) == ("GOOG", "bars_1d", version)
    assert found["adjust"] == "total-return"
    assert (lake_home / "reports" / "results" / found["result_id"] / "result.json").exists()


def test_adjust_none_takes_prices_as_they_were_paid(lake_home: Path, document: Callable[..., Any]) -> None:
    assert lake_home.exists()
    common = ("backtest", "buy_and_hold", "--symbol", "AAPL", "--json", "-")
    plain, total = document(*common, "--adjust", "none"), document(*common)
    assert plain["buy_and_hold_pct"] < total["buy_and_hold_pct"]


def test_a_strategy_over_many_symbols_runs_on_several(lake_home: Path, document: Callable[..., Any]) -> None:
    assert lake_home.exists()
    found = document("backtest", "momentum_rotation", "--symbol", "IBM", "--symbol", "MSFT", "--json", "-")
    assert found["symbols"] == ["IBM", "MSFT"]
    assert [one["symbol"] for one in found["inputs"]] == ["IBM", "MSFT"]


def test_a_report_is_one_page_that_loads_nothing(lake_home: Path, pi5: Callable[..., Result]) -> None:
    assert lake_home.exists()
    answer = pi5("backtest", "sma_cross", "--symbol", "GOOG", "--report", "page.html")
    assert answer.exit_code == 0, answer.stderr
    page = Path("page.html").read_text()
    assert page.lstrip().lower().startswith("<!doctype html>")
    assert "sma_cross on GOOG" in page
    assert "<script src=" not in page
    assert "Written: page.html" in answer.stdout
