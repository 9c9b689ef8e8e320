"""The night's research through the real commands: kept whole, run once, and again only when it is stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.nightly import run_nightly
from pi5_pipelines.ingest import check, ingest
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.report.nightly import write_nightly_report
from pi5_pipelines.research import nightly
from pi5_pipelines.settings import BacktestSettings, IngestSettings, ResearchSettings, Settings, StrategySettings

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

SEARCHED = StrategySettings(name="sma_cross", sweep={"fast": "3:9:3", "slow": "10,20"}, where="fast < slow")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings of a home with prices of IBM, and the environment that hands them to the commands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PI5_HOME", str(tmp_path / "home"))

    def make(*strategies: StrategySettings, train: int = 500) -> Settings:
        made = Settings(
            home=str(tmp_path / "home"),
            ingest=IngestSettings(sources=("sample",), symbols=("IBM",)),
            backtest=BacktestSettings(strategies=strategies),
            research=ResearchSettings(train_bars=train, test_bars=250),
        )
        lake = Lake(made.folder("lake"))
        ingest(made, lake)
        check(made, lake)
        return made

    return make


def test_a_search_is_kept_whole_run_once_and_again_when_its_options_change(
    settings: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = settings(SEARCHED, StrategySettings(name="buy_and_hold"))
    lake = Lake(chosen.folder("lake"))
    first = nightly.run_research(chosen, lake)
    assert not first.failed
    (line,) = first.lines
    assert (line["strategy"], line["symbols"], line["combinations"]) == ("sma_cross", ["IBM"], 6)
    assert line["level"] in {"good", "doubtful", "bad"}
    page = Path(line["page"]).read_text(encoding="utf-8")
    assert "Sweep of sma_cross on IBM" in page
    assert nightly.read_research(chosen) == first
    run_nightly(chosen, lake)
    report = write_nightly_report(chosen, lake).read_text(encoding="utf-8")
    assert f'<a href="research/{line["research_id"]}/sweep.html">sma_cross</a>' in report
    assert line["sentences"][0].split(":")[0] in report
    with monkeypatch.context() as patch:
        patch.setattr(nightly, "PI5", ["false"])
        assert nightly.run_research(chosen, lake) == first
        changed = nightly.run_research(settings(SEARCHED, train=600), lake)
    assert not changed.lines
    assert changed.failed[0]["strategy"] == "sma_cross"
    folders = list(nightly.research_folder(chosen).iterdir())
    assert [folder.name for folder in folders] == [line["research_id"]]


def test_a_search_that_cannot_be_made_is_told_in_the_command_s_own_words(settings: Callable[..., Settings]) -> None:
    wrong = StrategySettings(name="sma_cross", sweep={"fast": "9:3:1"})
    chosen = settings(wrong)
    outcome = nightly.run_research(chosen, Lake(chosen.folder("lake")))
    assert not outcome.lines
    assert "9:3:1" in outcome.failed[0]["reason"]


@pytest.mark.proof
def test_a_strategy_that_places_orders_is_searched_with_its_own_frictions(settings: Callable[..., Settings]) -> None:
    own = FrictionSpec(fees="per-share:0.005:min=1", spread="2bps", borrow_pct=3.0, latency="1bar")
    placing = StrategySettings(name="bollinger_reversion", sweep={"length": "5,10", "width": "1:2:0.5"}, frictions=own)
    chosen = settings(placing)
    outcome = nightly.run_research(chosen, Lake(chosen.folder("lake")))
    assert not outcome.failed
    (line,) = outcome.lines
    assert line["combinations"] == 6
    walk = json.loads((Path(line["page"]).parent / nightly.WALK).read_bytes())
    assert walk["options"]["frictions"]["spread"] == "2bps"
    assert len(walk["folds"]) > 3
