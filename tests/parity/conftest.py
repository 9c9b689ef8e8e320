"""The cells that every engine runs, and the peers' answers, taken once a session from their own environment."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import subprocess
from dataclasses import asdict, dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from pi5_pipelines.backtest.bars import Bars, bars_from_file
from pi5_pipelines.backtest.spec import BacktestSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-parity" / "bin" / "python"
SCRIPTS = Path(__file__).parent / "peers"
PEERS = ("backtesting", "backtrader", "vectorbt")
LONGEST_SECONDS = 300
FILLS: tuple[Literal["next-open", "close"], ...] = ("next-open", "close")


@dataclass(frozen=True, slots=True)
class Cell:
    """One backtest in terms that every engine knows; fee and slippage are fractions of the price."""

    symbol: str
    strategy: str
    long_only: bool
    fill: Literal["next-open", "close"]
    fee: float
    slippage: float
    whole_shares: bool
    cash: float = 10_000.0
    units: int = 0
    closing_bar: bool = True

    @property
    def id(self) -> str:
        """A name that tells the cell in a failing test."""
        sizing = f"units={self.units}" if self.units else "whole" if self.whole_shares else "fractional"
        costs = f"fee={self.fee:g} slippage={self.slippage:g}"
        native = "" if self.closing_bar else " no-closing-bar"
        direction = "long" if self.long_only else "both"
        return f"{self.symbol} {self.strategy} {direction} {self.fill} {costs} {sizing}{native}"

    @property
    def params(self) -> Mapping[str, int]:
        """The strategy's parameters."""
        return {"fast": 10, "slow": 30} if self.strategy == "sma_cross" else {"entry": 20, "exit": 10}

    def spec(self, more_fee_bps: float = 0.0) -> BacktestSpec:
        """The same cell in our engine's terms, basis points instead of fractions."""
        return BacktestSpec(
            strategy=self.strategy,
            params={name: float(value) for name, value in self.params.items()},
            cash=self.cash,
            fill=self.fill,
            sizing=f"units={self.units}" if self.units else "all-in" if self.whole_shares else "all-in-fractional",
            direction="long" if self.long_only else "both",
            fee_bps=self.fee * 10_000.0 + more_fee_bps,
            slippage_bps=self.slippage * 10_000.0,
        )


def matrix(symbol: str, strategy: str, costs: tuple[tuple[float, float], ...]) -> list[Cell]:
    """Every combination of direction, fill, costs and sizing."""
    choices = itertools.product((True, False), FILLS, costs, (True, False))
    return [Cell(symbol, strategy, long, fill, *cost, whole) for long, fill, cost, whole in choices]


FREE, FEE, FEE_AND_SLIPPAGE = (0.0, 0.0), (0.002, 0.0), (0.002, 0.0005)
CELLS = (
    *matrix("GOOG", "sma_cross", (FREE, FEE, FEE_AND_SLIPPAGE)),
    *matrix("GOOG", "donchian_breakout", (FREE, FEE)),
    *matrix("EURUSD", "sma_cross", (FREE, FEE)),
    *(
        Cell("GOOG", "sma_cross", long, fill, *FEE, whole_shares=True, units=10)
        for long, fill in itertools.product((True, False), FILLS)
    ),
)
# backtesting.py as it comes: how it settles the last trade is a rule of its own.
NATIVE = tuple(
    Cell("GOOG", "sma_cross", long, "close", *FEE, whole_shares=True, closing_bar=False) for long in (True, False)
)


def price_file(symbol: str) -> Path:
    """Real prices as shipped in the backtesting wheel: GOOG daily, EURUSD hourly."""
    spec = find_spec("backtesting")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "test" / f"{symbol}.csv"


def cells_of(peer: str) -> list[Cell]:
    """The cells that a peer can express."""
    if peer == "backtesting":
        return [*(cell for cell in CELLS if not cell.slippage), *NATIVE]
    return list(CELLS)


def ask_all() -> dict[str, Any]:
    """Every peer's answer; they run beside each other, each in one process."""
    running = {}
    for peer in PEERS:
        request = [
            {"id": cell.id, "file": str(price_file(cell.symbol)), "params": cell.params, **asdict(cell)}
            for cell in cells_of(peer)
        ]
        process = subprocess.Popen(
            [PYTHON, SCRIPTS / f"run_{peer}.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdin is not None
        process.stdin.write(json.dumps(request))
        process.stdin.close()
        process.stdin = None
        running[peer] = process
    answers = {}
    try:
        for peer, process in running.items():
            out, err = process.communicate(timeout=LONGEST_SECONDS)
            assert process.returncode == 0, f"{peer}: {err[-3000:]}"
            answers[peer] = json.loads(out)
    finally:
        for process in running.values():
            process.kill()
            process.communicate()
    return answers


@pytest.fixture(scope="session")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """By peer: its version, and final equity and number of trades by cell id; shared by the session's workers."""
    if not PYTHON.exists():
        pytest.skip("the peers are not installed: run `make setup-dev`, then `scripts/setup-parity`")
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return ask_all()
    shared = tmp_path_factory.getbasetemp().parent
    kept = shared / "parity.json"
    with (shared / "parity.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            kept.write_text(json.dumps(ask_all()))
    answers: dict[str, Any] = json.loads(kept.read_text())
    return answers


@pytest.fixture(scope="session")
def bars() -> Callable[[str], Bars]:
    """A symbol's bars as our engine reads them from the same file."""
    return cache(lambda symbol: bars_from_file(price_file(symbol)))


@pytest.fixture(scope="session")
def cells() -> Callable[[str], list[Cell]]:
    """The cells that a peer can express."""
    return cells_of
