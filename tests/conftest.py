"""What all tests share: no silent skips, repeatable random examples, real and random bars, a free port."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.defaults import DEFAULTS, FOR_TESTS
from tests.network import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser

    from pi5_pipelines.backtest.bars import Bars

DAY_US = 86_400_000_000
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

pytest_plugins = ("tests.timescale.fixtures",)

# Before the program is imported, which reads its settings then.
for name in [name for name in os.environ if name.startswith("PI5_")]:
    if name not in FOR_TESTS and not name.startswith("PI5_TEST_"):
        del os.environ[name]
os.environ["PI5_CONFIG"] = str(DEFAULTS)

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def goog_file() -> Path:
    """Real daily prices of GOOG, 2,148 rows, as shipped in the backtesting wheel."""
    spec = find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "test" / "GOOG.csv"


@pytest.fixture(scope="session")
def goog(goog_file: Path) -> Bars:
    from pi5_pipelines.backtest.bars import bars_from_file

    return bars_from_file(goog_file)


@pytest.fixture(scope="session")
def random_bars() -> Callable[..., Bars]:
    """Make bars of a random walk on ticks from a seed; `offset` days late, a bar every `step_us`.

    `drift` is added to every step, `memory` makes a step follow the one before. A bar opens near the close before.
    """
    import numpy as np

    from pi5_pipelines.backtest.bars import Bars, digest

    def make(
        seed: int,
        length: int,
        symbol: str = "RND",
        *,
        volatility: float = 0.02,
        drift: float = 0.0,
        memory: float = 0.0,
        offset: int = 0,
        step_us: int = DAY_US,
    ) -> Bars:
        rng = np.random.default_rng(seed)
        steps = rng.normal(0.0, volatility, length)
        for i in range(1, length if memory else 0):
            steps[i] += memory * steps[i - 1]
        close = np.maximum(np.round(100.0 * np.exp(np.cumsum(steps + drift)), 2), 0.01)
        before = np.concatenate([[100.0], close[:-1]])
        open_ = np.maximum(np.round(before * np.exp(rng.normal(0.0, volatility / 10, length)), 2), 0.01)
        high = np.round(np.maximum(open_, close) * (1.0 + rng.uniform(0.0, volatility, length)), 2)
        low = np.maximum(np.round(np.minimum(open_, close) * (1.0 - rng.uniform(0.0, volatility, length)), 2), 0.01)
        volume = rng.integers(0, 1_000_000, length).astype(np.float64)
        ts_us = offset * DAY_US + np.arange(length, dtype=np.int64) * step_us
        origin = {"symbol": symbol, "adjust": "none", "sha256": digest(ts_us, open_, high, low, close, volume)}
        return Bars(symbol, "1d", ts_us, open_, high, low, close, volume, origin)

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(name="free_port")
def unused_port() -> int:
    """A loopback port that nobody listens on."""
    return free_port()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB, to be filled; it needs root to be mounted."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if mount.returncode:
        pytest.skip(f"a small disk needs root to be mounted: {mount.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """In CI a skipped test is a failed one: everything that tests need is installed there."""
    if os.environ.get("CI") == "true" and exitstatus == pytest.ExitCode.OK and _skips(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name every test that was skipped, and why."""
    skips = _skips(config)
    if not skips:
        return
    terminalreporter.section("skipped tests")
    for name, reason in skips:
        terminalreporter.write_line(f"{name}: {reason}")
    if os.environ.get("CI") == "true":
        terminalreporter.write_line("A skipped test fails the session when CI=true.")


def _skips(config: pytest.Config) -> list[tuple[str, str]]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # a pytest-xdist worker: its controller counts
        return []
    reports = reporter.stats.get("skipped", [])
    return [(report.nodeid, _reason(report)) for report in reports]


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)
