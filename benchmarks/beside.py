"""Engines beside each other: each run as a whole program, in turn, and held to the same results."""

from __future__ import annotations

import os
import statistics
import tempfile
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import ROOT
from whole_process import Whole, run_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike

PARITY = str(ROOT / ".venv-parity" / "bin" / "python")
NAUTILUS = str(ROOT / ".venv-peers" / "bin" / "python")
PEERS = ROOT / "benchmarks" / "peers"
RUNNERS = ROOT / "tests" / "parity" / "peers"
OURS = "pi5"
PROCESSES_EACH = int(os.environ.get("PI5_BENCH_PROCESSES", "3"))
RELATIVE = 1e-9
NOT_SHOWN = "a Raspberry Pi, unless the machine is one; other strategies, where the shares of fixed costs differ"


def goog_prices(*interpreters: str) -> Path:
    """Daily prices of GOOG as shipped with backtesting.py; SystemExit when a peer's interpreter is not there."""
    wheel = find_spec("backtesting")
    if wheel is None or wheel.origin is None or not all(Path(one).exists() for one in interpreters):
        raise SystemExit("the peers are not installed: run `make bench-peers`")
    return Path(wheel.origin).parent / "test" / "GOOG.csv"


@dataclass(slots=True)
class Engine:
    """A command, what it is asked, and what its runs took; `inner` lists the seconds it measured itself, by run."""

    command: Sequence[str]
    request: object = None
    runs: list[Whole] = field(default_factory=list)
    inner: list[list[float]] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)


def in_turn(engines: Mapping[str, Engine], *, warm: bool = False) -> None:
    """Run every engine once uncounted, unless caches are `warm`, then all of them in turn, several times."""
    paths = f"{ROOT}{os.pathsep}{RUNNERS}"
    for counted in (*(() if warm else (False,)), *(True,) * PROCESSES_EACH):
        for engine in engines.values():
            with tempfile.TemporaryDirectory() as home:  # a sweep that has run before would find its results there
                run = run_whole(engine.command, engine.request, {"PYTHONPATH": paths, "PI5_HOME": home})
            if counted:
                engine.runs.append(run)
                inner = seconds_of(run.answer)
                engine.inner.append(inner)
                # A process as a user starts it runs once: further rounds are taken off.
                engine.whole.append(run.seconds - sum(inner[1:]))


def seconds_of(answer: dict[str, Any]) -> list[float]:
    """Every round's seconds in an answer of any of the scripts."""
    if "cells" in answer:
        (cell,) = answer["cells"].values()
        return list(cell["seconds"])
    seconds = answer["seconds"]
    return list(seconds) if isinstance(seconds, list) else [float(seconds)]


def figures(engines: Mapping[str, Engine]) -> dict[str, dict[str, Any]]:
    """By engine: seconds of the process, of the first and of a later round; memory; medians of the ratios to ours."""
    table = {}
    for name, engine in engines.items():
        later = [seconds for run in engine.inner for seconds in run[1:] or run]
        row = {
            "version": engine.runs[-1].answer.get("version", "this commit"),
            "process_s_best": min(engine.whole),
            "process_s_median": statistics.median(engine.whole),
            "first_round_s_median": statistics.median(run[0] for run in engine.inner),
            "round_s_best": min(later),
            "round_s_median": statistics.median(later),
            "peak_tree_rss_mb": max(run.peak_tree_rss_mb for run in engine.runs),
        }
        if OURS in engines:
            ours = engines[OURS]
            row["process_times_ours"] = statistics.median(a / b for a, b in zip(engine.whole, ours.whole, strict=True))
            row["round_times_ours"] = statistics.median(
                statistics.median(a[1:] or a) / statistics.median(b[1:] or b)
                for a, b in zip(engine.inner, ours.inner, strict=True)
            )
        table[name] = row
    return table


def agree(what: str, ours: ArrayLike, theirs: ArrayLike) -> None:
    """Raise SystemExit unless the figures are equal to one part in 10^9: the comparison is void then."""
    one, other = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    differ = ~np.isclose(one, other, rtol=RELATIVE, atol=RELATIVE)
    if differ.any():
        at = int(np.argmax(differ))
        raise SystemExit(
            f"{what}: {differ.sum()} of {one.size} differ, first {one[at]!r} and {other[at]!r}; the comparison is void"
        )


def goog_cell(prices: Path, rounds: int) -> dict[str, Any]:
    """Moving averages 10 and 30 on GOOG, long and short, all in, next open, without costs."""
    rules = {"long_only": False, "fill": "next-open", "fee": 0.0, "slippage": 0.0, "whole_shares": True, "units": 0}
    params = {"fast": 10, "slow": 30}
    return {"id": "one", "file": str(prices), "strategy": "sma_cross", "params": params, **rules} | {
        "cash": 10_000.0,
        "rounds": rounds,
    }
