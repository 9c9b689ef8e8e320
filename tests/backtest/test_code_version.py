"""The code that decides a result has a version: nothing that runs is left out of it, and `pi5 reproduce` names it."""

from __future__ import annotations

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pi5_pipelines.backtest import reproduce, result
from pi5_pipelines.backtest.bars import bars_from_file
from pi5_pipelines.backtest.code_version import code_version, rule_version, source_hashes
from pi5_pipelines.backtest.compiled import cache_folder
from pi5_pipelines.backtest.frictions import FrictionSpec
from pi5_pipelines.backtest.nightly import facts, results_folder
from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.backtest.spec import BacktestSpec
from pi5_pipelines.backtest.store import ResultStore
from pi5_pipelines.lake.table import Lake
from pi5_pipelines.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from pi5_pipelines.backtest.bars import Bars

ROOT = Path(__file__).resolve().parents[2]
METRICS = "pi5_pipelines/analysis/metrics.py"
NO_PART = {"pi5_pipelines/errors.py"}  # makes messages


@pytest.fixture
def changed(tmp_path: Path) -> Callable[[str], Path]:
    """Copy the sources and put a line more into one file of the copy; answers the copy's root."""

    def change(path: str) -> Path:
        root = tmp_path / Path(path).stem
        for package in ("trading", "pi5_pipelines"):
            shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
        with (root / path).open("a") as file:
            file.write("# one line more\n")
        return root

    return change


def test_a_strategy_s_version_hangs_on_its_own_file_and_on_what_all_share() -> None:
    hashes = source_hashes("sma_cross")
    files = {path for path in hashes if path.startswith("trading/strategies/")}
    assert files == {"trading/strategies/__init__.py", "trading/strategies/sma_cross.py"}
    assert {"trading/costs.py", "trading/indicators.py", "pi5_pipelines/backtest/driver.py", METRICS} <= hashes.keys()
    assert not {path for path in hashes if path.startswith(("pi5_pipelines/lake/", "pi5_pipelines/report/"))}
    assert code_version("sma_cross") != code_version("buy_and_hold") != code_version()


@pytest.mark.parametrize(
    ("path", "result_s", "compiled_s"),
    [
        ("trading/costs.py", True, True),
        ("pi5_pipelines/backtest/driver.py", True, True),
        (METRICS, True, False),
        ("pi5_pipelines/analysis/definitions.py", True, False),
        ("pi5_pipelines/backtest/trades.py", True, False),
        ("pi5_pipelines/backtest/frictions.py", True, False),
        ("trading/strategies/buy_and_hold.py", False, False),
        ("pi5_pipelines/report/page.py", False, False),
        ("pi5_pipelines/lake/table.py", False, False),
    ],
)
def test_a_changed_line_changes_the_versions_it_decides(
    changed: Callable[[str], Path], *, path: str, result_s: bool, compiled_s: bool
) -> None:
    """A changed metric makes results stale, and leaves machine code as it is."""
    root = changed(path)
    assert (code_version("sma_cross", root) != code_version("sma_cross")) is result_s
    assert (rule_version("sma_cross", root) != rule_version("sma_cross")) is compiled_s
    assert cache_folder("sma_cross").name == rule_version("sma_cross")


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("sma_cross", {}),
        ("sma_cross", {"frictions": FrictionSpec(fees="per-share:0.01", spread="2bps")}),
        ("atr_breakout", {}),
        ("momentum_rotation", {}),
        ("momentum_rotation", {"frictions": FrictionSpec(limits="weight=0.5", rebalance="month-end")}),
    ],
)
def test_every_file_that_runs_between_bars_and_result_has_a_part_in_the_version(
    random_bars: Callable[..., Bars], strategy: str, options: dict[str, Any]
) -> None:
    spec = BacktestSpec(strategy=strategy, **options)
    bars = [random_bars(n, 300, f"S{n}") for n in range(3 if spec.definition().many_symbols else 1)]
    ran: set[str] = set()

    def note(frame: FrameType, _event: str, _arg: object) -> None:
        ran.add(frame.f_code.co_filename)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        run_backtest(spec, bars, interpreted=True)
    finally:
        sys.setprofile(before)
    own = {Path(name).relative_to(ROOT).as_posix() for name in ran if Path(name).is_relative_to(ROOT / "pi5_pipelines")}
    assert {"pi5_pipelines/backtest/result.py", METRICS} <= own
    assert own - NO_PART <= source_hashes(strategy).keys()


def test_reproduce_names_the_very_file_that_changed(
    changed: Callable[[str], Path], tmp_path: Path, random_bars: Callable[..., Bars], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_settings(environ={"PI5_HOME": str(tmp_path / "home")})
    bars = tmp_path / "RND.csv"
    write_csv(random_bars(3, 120), bars)
    spec = BacktestSpec(strategy="sma_cross", params={"fast": 3, "slow": 9})
    found = run_backtest(spec, [bars_from_file(bars)])
    ResultStore(results_folder(settings)).save(found, facts("sma_cross", 0.1))
    root = changed(METRICS)
    for module in (reproduce, result):
        monkeypatch.setattr(module, "code_version", partial(code_version, root=root))
    monkeypatch.setattr(reproduce, "source_hashes", partial(source_hashes, root=root))
    outcome = reproduce.reproduce(settings, Lake(settings.folder("lake")), found.result_id)
    versions = (code_version("sma_cross"), code_version("sma_cross", root))
    assert not outcome.identical
    assert outcome.differences[0] == f"code changed from {versions[0]} to {versions[1]}: {METRICS}"


def write_csv(bars: Bars, path: Path) -> None:
    import polars as pl

    times = pl.Series("Date", bars.ts_us).cast(pl.Datetime("us")).dt.date()
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close", "volume")}
    pl.DataFrame({"Date": times, **columns}).write_csv(path)
