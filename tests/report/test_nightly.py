"""The night's report out of what lies on disk, held against another symbol where the settings name one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pi5_pipelines.backtest.nightly import run_nightly
from pi5_pipelines.errors import UnknownNameError
from pi5_pipelines.report.nightly import report_file, write_nightly_report
from pi5_pipelines.settings import BacktestSettings, Settings, StrategySettings

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.lake.table import Lake


def settings_with(home: Path, benchmark: str) -> Settings:
    strategies = (StrategySettings(name="buy_and_hold", symbols=("GOOG",)),)
    return Settings(home=str(home), backtest=BacktestSettings(benchmark=benchmark, strategies=strategies))


def test_the_report_of_a_night_compares_with_the_benchmark_of_the_settings(lake: Lake, tmp_path: Path) -> None:
    run_nightly(settings_with(tmp_path, ""), lake)
    alone = write_nightly_report(settings_with(tmp_path, ""), lake).read_text(encoding="utf-8")
    path = write_nightly_report(settings_with(tmp_path, "IBM"), lake)
    assert path == report_file(settings_with(tmp_path, "IBM"))
    compared = path.read_text(encoding="utf-8")
    assert "<h4>Against IBM " in compared
    assert "<h4>Against IBM " not in alone
    with pytest.raises(UnknownNameError, match="no bars of 'SPY'"):
        write_nightly_report(settings_with(tmp_path, "SPY"), lake)
    assert path.read_text(encoding="utf-8") == compared
