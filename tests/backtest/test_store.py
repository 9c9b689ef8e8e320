"""Results on disk: whole or not at all, never rewritten, and repeatable."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.backtest.nightly import facts, results_folder
from pi5_pipelines.backtest.reproduce import Reproduction, reproduce
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.backtest.store import DOCUMENT, RUN, ResultStore
from pi5_pipelines.errors import BacktestError, UnknownNameError
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.backtest.result import BacktestResult


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(environ={"PI5_HOME": str(tmp_path / "home")})


@pytest.fixture
def prices(tmp_path: Path, goog_file: Path) -> Path:
    copy = tmp_path / "GOOG.csv"
    shutil.copy(goog_file, copy)
    return copy


@pytest.fixture
def saved(settings: Settings, prices: Path) -> BacktestResult:
    spec = BacktestSpec(strategy="sma_cross", params={"fast": 10, "slow": 30}, fee_bps=5)
    result = run_backtest(spec, [bars_from_file(prices)])
    assert ResultStore(results_folder(settings)).save(result, facts("sma_cross", 0.1))
    return result


def again(settings: Settings, result: BacktestResult) -> Reproduction:
    return reproduce(settings, Lake(settings.folder("lake")), result.result_id)


def test_a_result_comes_back_as_it_was_saved(settings: Settings, saved: BacktestResult) -> None:
    loaded = ResultStore(results_folder(settings)).load(saved.result_id[:8])
    assert loaded.document == saved.document
    assert loaded.equity.tobytes() == saved.equity.tobytes()
    assert loaded.trades.equals(saved.trades)
    assert loaded.fills.equals(saved.fills)


def test_saving_again_changes_nothing(settings: Settings, saved: BacktestResult) -> None:
    store = ResultStore(results_folder(settings))
    before = (store.root / saved.result_id / RUN).read_bytes()
    assert not store.save(saved, facts("sma_cross", 99.0))
    assert (store.root / saved.result_id / RUN).read_bytes() == before
    assert [path.name for path in store.root.iterdir()] == [saved.result_id]


def test_a_half_written_result_does_not_count(settings: Settings, saved: BacktestResult) -> None:
    store = ResultStore(results_folder(settings))
    (store.root / ".saving-x").mkdir()
    assert store.ids() == [saved.result_id]


@pytest.mark.parametrize("prefix", ["abc", "ffffffff"])
def test_an_unknown_id_is_refused(settings: Settings, saved: BacktestResult, prefix: str) -> None:
    assert saved.result_id not in prefix
    with pytest.raises(UnknownNameError, match="no result with id"):
        ResultStore(results_folder(settings)).find(prefix)


def test_reproduces_byte_for_byte(settings: Settings, saved: BacktestResult) -> None:
    outcome = again(settings, saved)
    assert outcome.identical
    assert outcome.differences == ()


def test_says_which_bars_changed(settings: Settings, saved: BacktestResult, prices: Path) -> None:
    prices.write_text(prices.read_text().replace(",100.34,", ",100.35,", 1))
    outcome = again(settings, saved)
    assert not outcome.identical
    assert any("bars of GOOG" in line and "changed: sha256 was" in line for line in outcome.differences)
    assert any(line.startswith("buy_and_hold_pct was") for line in outcome.differences)


def test_says_that_an_input_is_gone(settings: Settings, saved: BacktestResult, prices: Path) -> None:
    prices.unlink()
    outcome = again(settings, saved)
    assert not outcome.identical
    assert "is gone" in outcome.differences[0]


def test_says_which_source_files_changed(settings: Settings, saved: BacktestResult) -> None:
    folder = results_folder(settings) / saved.result_id
    document, made = json.loads((folder / DOCUMENT).read_bytes()), json.loads((folder / RUN).read_bytes())
    document["code_version"] = "000000000000"
    made["sources"]["trading/sizing.py"] = "0" * 64
    (folder / DOCUMENT).write_text(json.dumps(document))
    (folder / RUN).write_text(json.dumps(made))
    outcome = again(settings, saved)
    assert not outcome.identical
    assert outcome.differences[0].endswith("trading/sizing.py")


def test_identity_depends_on_options_and_data_but_not_on_where_the_data_lies(prices: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "GOOG.csv"
    moved.parent.mkdir()
    shutil.copy(prices, moved)
    spec = BacktestSpec(strategy="buy_and_hold")
    one, two = (run_backtest(spec, [bars_from_file(path)]).result_id for path in (prices, moved))
    assert one == two
    assert run_backtest(BacktestSpec(strategy="buy_and_hold", fee_bps=1), [bars_from_file(prices)]).result_id != one


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cash": 0.0}, "cash is 0"),
        ({"fee_bps": -1.0}, "fee_bps is -1"),
        ({"slippage_bps": 1e9}, "slippage_bps is 1e"),
        ({"sizing": "units=0"}, "sizing is 'units=0'"),
        ({"sizing": "half"}, "sizing is 'half'"),
        ({"params": {"fast": 40}}, "fast=40 must be smaller than slow=30"),
        ({"params": {"quick": 4}}, "has no parameter 'quick'"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BacktestError, match=message):
        BacktestSpec(strategy="sma_cross", **options).checked()  # type: ignore[arg-type]


def test_a_misspelt_strategy_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'sma_cross'"):
        BacktestSpec(strategy="sma_kross").checked()
