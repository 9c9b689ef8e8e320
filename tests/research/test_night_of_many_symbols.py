"""A night of accounts on many symbols with frictions: results, searches, the report, and the same bytes again."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.nightly import results_folder, run_nightly
from pi5_pipelines.cli.main import pi5
from pi5_pipelines.ingest import check, ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.report.nightly import write_nightly_report
from pi5_pipelines.research.nightly import WALK, run_research
from pi5_pipelines.settings import BacktestSettings, IngestSettings, ResearchSettings, Settings, StrategySettings

pytestmark = [pytest.mark.slow, pytest.mark.proof]

COSTS = FrictionSpec(fees="per-share:0.005:min=1", spread="2bps", borrow_pct=3.0, interest_pct=2.0, dividends=True)
STRATEGIES = (
    StrategySettings("pairs_trading", symbols=("IBM", "MSFT"), sweep={"lookback": "60,120", "open": "1.5,2"}),
    StrategySettings("high_breakout", {"highs": 60.0}, symbols=("AAPL", "IBM", "MSFT"), sweep={"stop": "1:3"}),
    StrategySettings(
        "momentum_rotation",
        symbols=("AAPL", "IBM", "MSFT"),
        frictions=FrictionSpec(spread="4bps", borrow_pct=2.0, limits="weight=60%", rebalance="month-end"),
    ),
)
SYMBOLS = {one.name: set(one.symbols) for one in STRATEGIES}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a home with the sample's prices, and the environment that hands them to the commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "home"))
    return Settings(
        home=str(tmp_path / "home"),
        ingest=IngestSettings(sources=("sample",), symbols=("AAPL", "IBM", "MSFT")),
        backtest=BacktestSettings(adjust="splits", direction="both", frictions=COSTS, strategies=STRATEGIES),
        research=ResearchSettings(train_bars=500, test_bars=250),
    )


def test_a_night_of_many_symbols_is_run_searched_reported_and_reproduced(settings: Settings) -> None:
    lake = Lake(settings.folder("lake"))
    ingest(settings, lake)
    check(settings, lake)
    night, research = run_nightly(settings, lake), run_research(settings, lake)
    assert (night.failed, night.skipped, research.failed) == ((), (), ())
    assert {row["strategy"]: set(row["symbols"]) for row in night.results} == SYMBOLS
    assert {one["strategy"]: one["combinations"] for one in research.lines} == {"pairs_trading": 4, "high_breakout": 3}
    for one in research.lines:
        walk = json.loads((Path(one["page"]).parent / WALK).read_bytes())
        assert walk["options"]["frictions"]["dividends"] is True
        assert len(walk["folds"]) > 3
        assert f"Sweep of {one['strategy']} on {', '.join(one['symbols'])}" in Path(one["page"]).read_text(
            encoding="utf-8"
        )
    page = write_nightly_report(settings, lake).read_text(encoding="utf-8")
    sections = {
        name: page.rsplit(f'data-of="{key}"', 1)[1]
        for name, key in ((row["strategy"], row["result_id"]) for row in night.results)
    }
    for row in night.results:
        folder, section = results_folder(settings) / row["result_id"], sections[row["strategy"]]
        trades, costs = (
            pl.read_parquet(folder / "trades.parquet"),
            json.loads((folder / "result.json").read_bytes())["costs"],
        )
        assert set(trades["symbol"]) == SYMBOLS[row["strategy"]]
        listed = section.split('class="sortable trades"')[1].split("</table>")[0]
        for symbol in SYMBOLS[row["strategy"]]:
            assert listed.count(f"<tr><td>{symbol}</td>") == trades.filter(symbol=symbol).height
        paid = section.split('class="costs"')[1].split("</table>")[0]
        for kind in [name for name, money in costs.items() if money]:
            assert f"<td>{kind.replace('_', ' ').capitalize()}</td>" in paid
        assert costs["spread"] > 0.0
        assert (costs["borrow"] > 0.0) == (row["strategy"] == "pairs_trading")
        assert (costs["dividends"] != 0.0) == (row["strategy"] != "momentum_rotation")
        again = CliRunner().invoke(pi5, ["reproduce", row["result_id"]])
        assert (again.exit_code, again.stdout) == (0, f"{row['result_id']}: reproduced byte for byte\n"), again.output
    assert run_nightly(settings, lake) == night
    assert run_research(settings, lake) == research
