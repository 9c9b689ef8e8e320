"""`pi5 sweep` as users start it: a home of its own, a process of its own."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pytest

from pi5_pipelines.backtest.run import run_backtest
from pi5_pipelines.sweep.lane import Figures, Lane, Market
from pi5_pipelines.sweep.tally import BLOCKS, FIGURES, MOMENTS
from trading import strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pi5_pipelines.backtest.bars import Bars
    from pi5_pipelines.backtest.spec import BacktestSpec

TOLERANCE = 1e-12
COMPILING_S = 600  # the loop of orders takes long to compile on a busy machine, once
ROOT = Path(__file__).resolve().parents[2]


def run_swept(
    spec: BacktestSpec, bars: Sequence[Bars], combinations: Sequence[dict[str, float]]
) -> tuple[Figures, Any]:
    """The rows of these combinations, and the moments of their returns."""
    definition = strategies.find(spec.strategy)
    params = np.array([definition.params(one) for one in combinations], dtype=np.float64).reshape(len(combinations), -1)
    into, moments = Figures.empty(len(combinations)), np.zeros((len(combinations), MOMENTS))
    Lane(Market.of(spec, bars), room=1 << 30).run(params, into, {}, moments=moments)
    return into, moments


def check_rows(spec: BacktestSpec, bars: Sequence[Bars], combinations: list[dict[str, float]]) -> None:
    rows, moments = run_swept(spec, bars, combinations)
    assert rows.errors == {}
    for row, params in enumerate(combinations):
        result = run_backtest(msgspec.structs.replace(spec, params=params), bars)
        assert rows.ruined[row] == result.document["ruined"]
        for place, name in enumerate(FIGURES):
            expected, found = result.document[name], rows.values[row, place]
            where = (name, params, found, expected)
            if expected is None:
                assert math.isnan(found), where
            else:
                assert found == pytest.approx(expected, rel=TOLERANCE, abs=TOLERANCE), where
        with np.errstate(divide="ignore", invalid="ignore"):
            returns = result.equity[1:] / result.equity[:-1] - 1.0
        bounds = returns.size * np.arange(BLOCKS + 1) // BLOCKS
        for block in range(BLOCKS):
            part = returns[bounds[block] : bounds[block + 1]]
            part = part[~np.isnan(part)]
            assert moments[row, block] == pytest.approx(part.sum(), rel=TOLERANCE, abs=TOLERANCE)
            assert moments[row, BLOCKS + block] == pytest.approx((part**2).sum(), rel=TOLERANCE, abs=TOLERANCE)


@pytest.fixture(scope="session")
def swept() -> Callable[..., tuple[Figures, Any]]:
    """Run combinations in a lane; answers rows and moments."""
    return run_swept


@pytest.fixture(scope="session")
def assert_rows_are_backtests() -> Callable[..., None]:
    """Hold the rows of a lane to single backtests, figure by figure and moment by moment."""
    return check_rows


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
        try:
            out, err = process.communicate(timeout=COMPILING_S)
        finally:
            process.kill()
        assert out.strip(), err.decode()
        document: dict[str, Any] = json.loads(out)
        return {**document, "exit_code": process.returncode, "stderr": err.decode()}

    return run


@pytest.fixture
def program_with(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Callable[..., Any]]:
    """`pi5 sweep` from a copy of the project that has the strategy `wrong`, whose source is given."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("trading", "pi5_pipelines", "live_engine"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))

    def made(source: str) -> Callable[..., subprocess.CompletedProcess[str]]:
        (copy / "trading" / "strategies" / "wrong.py").write_text(source)

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "pi5_pipelines.cli.main", "sweep", *arguments],
                cwd=tmp_path,
                env={**environment, "PYTHONPATH": str(copy)},
                capture_output=True,
                text=True,
                check=False,
                timeout=COMPILING_S,
            )

        return run

    return made
