"""What the processes of one sweep hand to each other, as JSON."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from pi5_pipelines.backtest.spec import BacktestSpec  # noqa: TC001 - msgspec reads the annotations
from pi5_pipelines.sweep.kernel import sweep_version
from pi5_pipelines.sweep.space import Space, make_space

if TYPE_CHECKING:
    from pathlib import Path

    from pi5_pipelines.backtest.bars import Bars

ID_LENGTH = 16
MB = 1_000_000


class BarsFile(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's bars in a numpy file (rows: time, open, high, low, close, volume), and what is known of them.

    With `dividends`, the hash of what a share pays by bar, the file has them as a seventh row.
    """

    path: str
    symbol: str
    timeframe: str
    lot: float
    tick: float
    calendar: str
    bars: int
    start: str
    end: str
    input: dict[str, Any]
    dividends: str = ""

    def load(self) -> Bars:
        """The bars themselves."""
        import numpy as np

        from pi5_pipelines.backtest.bars import Bars

        rows = np.load(self.path)
        return Bars(
            self.symbol,
            self.timeframe,
            rows[0].view(np.int64),
            rows[1],
            rows[2],
            rows[3],
            rows[4],
            rows[5],
            self.input,
            self.lot,
            self.calendar,
            self.tick,
            rows[6] if self.dividends else None,
        )


class LoadRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which bars to fetch, and the folder to put them in."""

    folder: str
    config: str | None
    files: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    timeframe: str | None = None
    start: str | None = None
    end: str | None = None
    adjust: str = "total-return"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """When to hold: hours of the day in a time zone ("09:30-16:00", empty: never), load, degrees; 0 means no limit."""

    pause_hours: str = ""
    timezone: str = "UTC"
    max_load: float = 0.0
    max_celsius: float = 0.0


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """All that decides a sweep's table, but for the bars: the spec (its own parameters unused) and the space."""

    spec: BacktestSpec
    params: tuple[str, ...]
    where: str | None = None
    method: Literal["grid", "random", "guided"] = "grid"
    trials: int = 0
    seed: int = 0
    rank_by: str = "sharpe"
    chunk: int = 32_768

    def space(self) -> Space:
        """The combinations; raises SweepError."""
        return make_space(self.spec.definition(), self.params, self.where)


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One sweep as its engine takes it; `legs` holds the bars of each separate run over the space."""

    plan: Plan
    legs: tuple[tuple[BarsFile, ...], ...]
    folder: str
    ledger: str
    workers: int = 1
    max_memory: int = 0
    parent_rss: int = 0
    timeout_s: float = 60.0
    top: int = 10
    out: str | None = None
    limits: Limits = Limits()
    scheduler: str = ""
    careful: bool = False
    death: str = ""


def sweep_id(plan: Plan, legs: tuple[tuple[BarsFile, ...], ...]) -> str:
    """The name of a sweep: a hash of the plan, of the bars themselves, and of the code."""
    told = [[_told(one) for one in leg] for leg in legs]
    parts = msgspec.json.encode([plan, told, sweep_version(plan.spec.strategy)], order="deterministic")
    return hashlib.sha256(parts).hexdigest()[:ID_LENGTH]


def _told(bars: BarsFile) -> list[Any]:
    names = ("symbol", "timeframe", "lot", "tick", "calendar", "dividends")
    return [*(getattr(bars, name) for name in names), bars.input["sha256"]]


def work_folder(home: Path, identity: str) -> Path:
    """Where a sweep's chunks lie until its table is whole."""
    return home / "sweeps" / identity
