"""Bars, and `pi5 sweep` as users start it: a home of its own, a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from pi5_pipelines.backtest.bars import Bars, bars_from_file, digest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]
DAY_US = 86_400_000_000


@pytest.fixture(scope="session")
def goog_file() -> Path:
    """Real daily prices of GOOG, 2,148 rows, as shipped in the backtesting wheel."""
    spec = find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "test" / "GOOG.csv"


@pytest.fixture(scope="session")
def goog(goog_file: Path) -> Bars:
    return bars_from_file(goog_file)


@pytest.fixture(scope="session")
def random_bars() -> Callable[..., Bars]:
    """Make bars of a tick-rounded random walk from a seed."""

    def make(seed: int, length: int, symbol: str = "RND") -> Bars:
        rng = np.random.default_rng(seed)
        close = np.maximum(np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.03, length))), 2), 0.01)
        open_ = np.maximum(np.round(close * np.exp(rng.normal(0.0, 0.01, length)), 2), 0.01)
        high, low = np.maximum(open_, close) + 0.01, np.maximum(np.minimum(open_, close) - 0.01, 0.01)
        volume = rng.integers(1, 1_000, length).astype(np.float64)
        ts_us = np.arange(length, dtype=np.int64) * DAY_US
        origin = {"symbol": symbol, "adjust": "none", "sha256": digest(ts_us, open_, high, low, close, volume)}
        return Bars(symbol, "1d", ts_us, open_, high, low, close, volume, origin)

    return make


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home of its own, nothing of the developer's settings, the program from this checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PI5_", "DAGSTER_")) or name == "PI5_NUMBA_CACHE"
    }
    return {**kept, "PI5_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT), "COLUMNS": "160"}


@pytest.fixture
def start(tmp_path: Path, environment: dict[str, str]) -> Callable[..., subprocess.Popen[bytes]]:
    """Start `pi5 sweep` as a process and group of its own."""

    def begin(*arguments: str, **environ: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "pi5_pipelines.cli.main", "sweep", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**environment, **environ},
        )

    return begin


@pytest.fixture
def sweep(start: Callable[..., subprocess.Popen[bytes]]) -> Callable[..., dict[str, Any]]:
    """Run `pi5 sweep --json -` to its end; answers the document, with the exit code and stderr in it."""

    def run(*arguments: str, **environ: str) -> dict[str, Any]:
        process = start(*arguments, "--json", "-", **environ)
        out, err = process.communicate(timeout=120)
        assert out.strip(), err.decode()
        document: dict[str, Any] = json.loads(out)
        return {**document, "exit_code": process.returncode, "stderr": err.decode()}

    return run
